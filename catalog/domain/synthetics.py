"""Synthetics: instruments that are a formula over others. Defined here, evaluated elsewhere."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from catalog.domain.base import IdText, Increment, Key, Nanoseconds, Part, Record, Signed, parts
from catalog.domain.formulas import parse_formula
from catalog.domain.vocabulary import Measure
from catalog.errors import InvalidRecord

MAX_COMPONENTS = 256
_TARGETS = ("instrument_id", "pair_id", "pool_id")


class SyntheticComponent(Part):
    """One variable of a formula, and what it stands for: an instrument, a pair or a pool.

    `measure` says what is taken of it: its price, or the days until it expires.
    """

    variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
    instrument_id: IdText | None = None
    pair_id: IdText | None = None
    pool_id: IdText | None = None
    measure: Measure = "price"

    REFERENCES: ClassVar = {"instrument_id": "instrument", "pair_id": "pair", "pool_id": "pool"}

    @model_validator(mode="after")
    def _one_target(self) -> SyntheticComponent:
        named = [name for name in _TARGETS if getattr(self, name) is not None]
        if len(named) != 1:
            raise InvalidRecord(
                "instrument_id", ", ".join(named) or "nothing", f"exactly one of {', '.join(_TARGETS)} is expected"
            )
        if self.measure == "days_to_expiry" and self.instrument_id is None:
            raise InvalidRecord("measure", self.measure, "only an instrument expires")
        return self


class Synthetic(Record):
    """A definition: name, formula in its canonical spelling, components, how often it is evaluated, and its limits.

    `outlier_threshold` is in standard deviations, `stale_after_ns` the greatest age of a component's price,
    `min_value` and `max_value` the range of what can be believed.
    """

    record: Literal["synthetic"] = "synthetic"
    name: Key
    formula: str
    components: Annotated[
        tuple[SyntheticComponent, ...],
        BeforeValidator(parts(SyntheticComponent, "components")),
        Field(min_length=1, max_length=MAX_COMPONENTS),
    ]
    update_interval_ns: Nanoseconds | None = None
    min_value: Signed | None = None
    max_value: Signed | None = None
    outlier_threshold: Increment | None = None
    stale_after_ns: Nanoseconds | None = None

    IDENTITY: ClassVar = ("name",)
    LISTS: ClassVar = {"components": SyntheticComponent}

    @model_validator(mode="before")
    @classmethod
    def _canonical(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("formula"), str):
            formula = parse_formula(data["formula"]).text
            if formula != data["formula"]:
                return data | {"formula": formula}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Synthetic:
        variables = [component.variable for component in self.components]
        twice = {name for name in variables if variables.count(name) > 1}
        if twice:
            raise InvalidRecord("components", min(twice), "this variable stands there twice")
        names = parse_formula(self.formula).names
        unknown = [name for name in names if name not in variables]
        if unknown:
            raise InvalidRecord("formula", unknown[0], "no component is called so", code="unknown_variable")
        unused = [name for name in variables if name not in names]
        if unused:
            raise InvalidRecord("components", unused[0], "the formula does not use it", code="unused_component")
        if self.min_value is not None and self.max_value is not None and self.min_value > self.max_value:
            raise InvalidRecord("min_value", self.min_value, f"above the greatest value {self.max_value}")
        if any(component.instrument_id == self.id for component in self.components):
            raise InvalidRecord("components", self.name, "a synthetic cannot be made of itself", code="cycle")
        return self

    @property
    def symbol(self) -> str:
        """The name, under which all instruments answer."""
        return self.name

    @property
    def identity(self) -> tuple[str, ...]:
        return ("synthetic", self.name)
