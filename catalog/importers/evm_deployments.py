"""Where exchanges of EVM chains have deployed themselves: factories, and the singleton of Uniswap v4.

The addresses are those that the exchanges publish. What is not in these tables is unknown, not wrong: its pools are
read like any other, without the name of an exchange.
"""

from __future__ import annotations

#: dex → factory → chain ids. One address may be another exchange's on another chain.
_FACTORIES: dict[str, dict[str, tuple[int, ...]]] = {
    "uniswap_v2": {
        "0x5c69bee701ef814a2b6a3edd4b1652cb9cc5aa6f": (1,),
        "0xf1d7cc64fb4452f05c498126312ebe29f30fbcf9": (42161,),
        "0x8909dc15e40173ff4699343b6eb8132c65e18ec6": (56, 8453),
        "0x9e5a52f57b3038f1b8eee45f28b3c1967e22799c": (137, 43114),
        "0x0c3c1c532f1e39edf36be9fe0be1410313e074bf": (10,),
    },
    "uniswap_v3": {
        "0x1f98431c8ad98523631ae4a59f267346ea31f984": (1, 10, 137, 42161),
        "0x33128a8fc17869897dce68ed026d694621f6fdfd": (8453,),
        "0xdb1d10011ad0ff90774d0c6bb92e5c5c8b4461f7": (56,),
        "0x740b1c1de25031c31ff4fc9a62f554a55cdc1bad": (43114,),
        "0xafe208a311b21f13ef87e33a90049fc17a7acdec": (42220,),
        "0x1f98400000000000000000000000000000000003": (130,),
    },
    "sushiswap_v2": {
        "0xc0aee478e3658e2610c5f7a4a2e1777ce9e4f2ac": (1,),
        "0xc35dadb65012ec5796536bd9864ed8773abc74c4": (56, 100, 137, 250, 42161, 43114),
        "0x71524b4f93c58fcbf659783284e38825f0622859": (8453,),
    },
    "sushiswap_v3": {
        "0xbaceb8ec6b9355dfc0269c18bac9d6e2bdc29c4f": (1,),
        "0x1af415a1eba07a4986a52b6f2e7de7003d82231e": (42161,),
        "0xc35dadb65012ec5796536bd9864ed8773abc74c4": (8453, 59144),
    },
    "pancakeswap_v2": {
        "0xca143ce32fe78f1f7019d7d551a6402fc5350c73": (56,),
        "0x1097053fd2ea711dad45caccc45eff7548fcb362": (1,),
        "0x02a84c1b3bbd7401a5f7fa98a384ebc70bb5749e": (204, 1101, 8453, 42161, 59144),
    },
    "pancakeswap_v3": {"0x0bfbcf9fa4f9c56b0f40a671ad40e0805a091865": (1, 56, 204, 1101, 8453, 42161, 59144)},
    "aerodrome_v2": {"0x420dd381b31aef6683db6b902084cb0ffece40da": (8453,)},
    "aerodrome_v3": {"0x5e7bb104d84c7cb9b682aac2f3d509f5f406809a": (8453,)},
    "velodrome_v1": {"0x25cbddb98b35ab1ff77413456b31ec81a6b6b746": (10,)},
    "velodrome_v2": {"0xf1046053aa5682b4f9a81b5481394da16be5ff5a": (10,)},
    "quickswap_v2": {"0x5757371414417b8c6caad45baef941abc7d3ab32": (137,)},
    "camelot_v2": {"0x6eccab422d763ac031210895c81787e87b43a652": (42161,)},
}
_POOL_MANAGERS: dict[str, tuple[int, ...]] = {
    "0x000000000004444c5dc75cb358380d2e3de08a90": (1,),
    "0x9a13f98cb987694c9f086b1f5eb990eea8264ec3": (10,),
    "0x28e2ea090877bf75740558f6bfb36a5ffee9e9df": (56,),
    "0x1f98400000000000000000000000000000000004": (130,),
    "0x67366782805870060151383f4bbff9dab53e5cd6": (137,),
    "0xb1860d529182ac3bc1f51fa2abd56662b7d13f33": (480,),
    "0x498581ff718922c3f8e6a244956af099b2652b2b": (8453,),
    "0x360e68faccca8ca495c1b759fd9eee466db9fb32": (42161, 57073),
    "0x288dc841a52fca2707c6947b3a777c5e56cd87bc": (42220,),
    "0x06380c0e0912312b5150364b9dc4542ba0dbbc85": (43114,),
    "0x1631559198a9e474033433b2958dabc135ab6446": (81457,),
    "0x0575338e4c17006ae181b47900a84404247ca30f": (7777777,),
}

#: (blockchain, factory) → the exchange.
DEXES: dict[tuple[str, str], str] = {
    (f"eip155:{chain}", factory): dex
    for dex, factories in _FACTORIES.items()
    for factory, chains in factories.items()
    for chain in chains
}
#: Blockchain → Uniswap v4's PoolManager, in which all its pools are.
POOL_MANAGERS: dict[str, str] = {
    f"eip155:{chain}": manager for manager, chains in _POOL_MANAGERS.items() for chain in chains
}
#: Exchanges whose event says nothing of the curve: a Camelot pair may be of either kind.
UNKNOWN_CURVES = frozenset({"camelot_v2"})
