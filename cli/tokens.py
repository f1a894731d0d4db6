"""`catalog tokens`: what token contracts say of themselves."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli import imports, output
from cli.session import open_catalog

app = typer.Typer(help="Ask token contracts for their decimals, symbols and names.", no_args_is_help=True)


@app.command()
def resolve(
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ADDRESS]...", help="Tokens on the node's blockchain; else those that wait.", show_default=False
        ),
    ] = None,
    *,
    rpc: Annotated[
        str,
        typer.Option(envvar="CATALOG_RPC_URL", metavar="URL", help="A node, asked by JSON-RPC.", show_default=False),
    ],
    blockchain: Annotated[
        str | None, typer.Option(metavar="NAME", help="Refuse a node of another one, such as `eip155:1`.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100_000)] = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; report what would change.")] = False,
    tolerate: Annotated[
        Literal["rejects"] | None, typer.Option(help="`rejects`: contracts without an answer are expected; exit 0.")
    ] = None,
) -> None:
    """Ask contracts for decimals, symbol and name, and import what they answer as the source `eth-call`.

    Without addresses those tokens are asked that wait for their decimals, which lets go of the pools that wait for them.

    The answers are kept as a payload, with the block at which they were given. Exit code 1 when a contract does not say
    its decimals, 2 when the node cannot be asked.
    """
    with open_catalog() as catalog:
        report = catalog.resolve_tokens(rpc, addresses, blockchain, limit, dry_run=dry_run)
    if report is None:
        output.note("no token waits for its decimals")
        return
    code = imports.judge("tokens", report, tolerate is not None)
    output.import_reports([report.to_json()])
    if code:
        raise typer.Exit(code)
