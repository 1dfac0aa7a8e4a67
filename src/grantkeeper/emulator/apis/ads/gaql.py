"""The Google Ads Query Language, as far as account discovery needs it.

SELECT fields FROM resource [WHERE condition AND ...] [ORDER BY field [ASC|DESC], ...] [LIMIT n]
[PARAMETERS name=value, ...], with the operators = != < <= > >= IN, NOT IN.
Source: developers.google.com/google-ads/api/docs/query/grammar, 2026-11-22.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from grantkeeper.emulator.apis.ads import errors

Row = Mapping[str, Any]
Kind = str | int | bool

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<word>[A-Za-z_][A-Za-z0-9_.]*) | (?P<number>-?[0-9]+) | (?P<text>'[^'\n]*'|"[^"\n]*")
        | (?P<sign><=|>=|!=|[=<>(),])
    )""",
    re.VERBOSE,
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "IN": lambda value, among: value in among,
    "NOT IN": lambda value, among: value not in among,
}
_ORDERED = ("<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What can be asked for: each field's name and type; `enums` has the values of fields with a fixed set of them."""

    name: str
    fields: Mapping[str, type[Kind]]
    enums: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A field, an operator and the value, or values, to compare with."""

    field: str
    operator: str
    value: Any

    def holds(self, row: Row) -> bool:
        """Tell whether the row meets it."""
        return _COMPARE[self.operator](row[self.field], self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query that was read and whose every field is known."""

    resource: Resource
    fields: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()  # field, descending
    limit: int | None = None

    def matches(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that meet every condition, in the asked order; the limit is left to the caller."""
        found = [row for row in rows if all(each.holds(row) for each in self.conditions)]
        for field, descending in reversed(self.order):
            found.sort(key=operator.itemgetter(field), reverse=descending)
        return found


def parse(text: str, resources: Mapping[str, Resource]) -> Query:
    """Read a query.

    Raises:
        AdsError: a queryError that says what is wrong.
    """
    return _Reader(_tokens(text), resources).query()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text[position:].lstrip())
        tokens.append(_Token(str(match.lastgroup), match[match.lastgroup or 0]))
        position = match.end()
    return tokens


def _unreadable(rest: str) -> errors.AdsError:
    if rest[0] in "'\"":
        return errors.query("STRING_NOT_TERMINATED", f"Error in query: unterminated string {rest[:40]}.")
    if not rest[0].isascii():
        return errors.query("BAD_SYMBOL", "Error in query: non-ASCII symbol encountered outside of strings.")
    return errors.query("UNEXPECTED_INPUT", f"Error in query: unexpected input {rest[:40]}.")


class _Reader:
    """Reads tokens from left to right, one clause after the other."""

    def __init__(self, tokens: list[_Token], resources: Mapping[str, Resource]) -> None:
        self._tokens = tokens
        self._at = 0
        self._resources = resources

    def query(self) -> Query:
        """Read it whole."""
        self._keyword("SELECT", "EXPECTED_SELECT", "Error in query: query must start with SELECT.")
        fields = self._list(self._field_name)
        self._keyword("FROM", "EXPECTED_FROM", "Error in query: FROM clause is missing.")
        resource = self._resource()
        unknown = [field for field in fields if field not in resource.fields]
        if unknown:
            raise _unrecognized(unknown)
        query = Query(
            resource=resource,
            fields=tuple(dict.fromkeys(fields)),
            conditions=self._where(resource),
            order=self._order(resource),
            limit=self._limit(),
        )
        self._parameters()
        if self._at < len(self._tokens):
            raise errors.query("UNEXPECTED_INPUT", f"Error in query: unexpected input {self._tokens[self._at].text}.")
        return query

    def _next(self) -> _Token:
        if self._at == len(self._tokens):
            raise errors.query("UNEXPECTED_END_OF_QUERY", "Error in query: unexpected end of query.")
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, word: str) -> bool:
        """Step over the word or sign, if it comes next."""
        if self._at < len(self._tokens) and self._tokens[self._at].text.upper() == word:
            self._at += 1
            return True
        return False

    def _keyword(self, word: str, name: str, message: str) -> None:
        if not self._accept(word):
            raise errors.query(name, message)

    def _list(self, item: Callable[[], Any]) -> list[Any]:
        items = [item()]
        while self._accept(","):
            items.append(item())
        return items

    def _field_name(self) -> str:
        token = self._next()
        if token.kind != "word":
            raise errors.query("BAD_FIELD_NAME", f"Error in query: invalid field name '{token.text}'.")
        return token.text

    def _known_field(self, resource: Resource) -> str:
        field = self._field_name()
        if field not in resource.fields:
            raise _unrecognized([field])
        return field

    def _resource(self) -> Resource:
        name = self._next().text
        if name not in self._resources:
            text = f"'{name}' is not a valid resource type name in the FROM clause."
            raise errors.query("BAD_RESOURCE_TYPE_IN_FROM_CLAUSE", text)
        return self._resources[name]

    def _where(self, resource: Resource) -> tuple[Condition, ...]:
        if not self._accept("WHERE"):
            return ()
        conditions = [self._condition(resource)]
        while self._accept("AND"):
            conditions.append(self._condition(resource))
        return tuple(conditions)

    def _condition(self, resource: Resource) -> Condition:
        field = self._known_field(resource)
        sign = self._operator(resource, field)
        if sign in ("IN", "NOT IN"):
            return Condition(field=field, operator=sign, value=self._values(resource, field))
        return Condition(field=field, operator=sign, value=_value(self._next(), resource, field))

    def _operator(self, resource: Resource, field: str) -> str:
        sign = self._next().text.upper()
        if sign == "NOT":
            sign = f"NOT {self._next().text.upper()}"
        if sign not in _COMPARE:
            raise errors.query("BAD_OPERATOR", f"Error in query: operator '{sign}' is not supported here.")
        if sign in _ORDERED and resource.fields[field] is not int:
            text = f"The operator '{sign}' cannot be used with field '{field}'."
            raise errors.query("OPERATOR_FIELD_MISMATCH", text)
        return sign

    def _values(self, resource: Resource, field: str) -> tuple[Kind, ...]:
        self._keyword("(", "EXPECTED_LIST", "Error in query: expected a list of values.")
        if self._accept(")"):
            raise errors.query("PROHIBITED_EMPTY_LIST_IN_CONDITION", "Error in query: empty list.")
        values = self._list(lambda: _value(self._next(), resource, field))
        self._keyword(")", "EXPECTED_LIST", "Error in query: list of values is not closed.")
        return tuple(values)

    def _order(self, resource: Resource) -> tuple[tuple[str, bool], ...]:
        if not self._accept("ORDER"):
            return ()
        self._keyword("BY", "EXPECTED_BY", "Error in query: expected BY after ORDER.")
        return tuple(self._list(lambda: self._ordering(resource)))

    def _ordering(self, resource: Resource) -> tuple[str, bool]:
        field = self._known_field(resource)
        descending = self._accept("DESC")
        if not descending:
            self._accept("ASC")
        return field, descending

    def _limit(self) -> int | None:
        if not self._accept("LIMIT"):
            return None
        token = self._next()
        if token.kind != "number" or len(token.text) > 18:  # within an int64
            raise errors.query("BAD_LIMIT_VALUE", f"Error in query: invalid limit value '{token.text}'.")
        if int(token.text) < 1:
            raise errors.query("LIMIT_VALUE_TOO_LOW", "Error in query: limit must be at least 1.")
        return int(token.text)

    def _parameters(self) -> None:
        if self._accept("PARAMETERS"):
            self._list(self._parameter)

    def _parameter(self) -> None:
        """Step over name=value: none of them changes what is answered here."""
        self._field_name()
        self._keyword("=", "UNEXPECTED_INPUT", "Error in query: expected '=' in PARAMETERS.")
        self._next()


def _unrecognized(fields: list[str]) -> errors.AdsError:
    names = ", ".join(f"'{field}'" for field in fields)
    return errors.query("UNRECOGNIZED_FIELD", f"Unrecognized fields in the query: {names}.")


def _value(token: _Token, resource: Resource, field: str) -> Kind:
    """Read a value as the field's type; quotes are optional around numbers, booleans and enum values."""
    text = token.text.strip("'\"") if token.kind == "text" else token.text
    kind = resource.fields[field]
    if kind is int:
        return _integer(text, field)
    if kind is bool:
        return _boolean(text, field)
    if field in resource.enums:
        return _enum(text, resource.enums[field], field)
    if token.kind != "text":
        raise errors.query("INVALID_STRING_VALUE", f"Error in query: value '{text}' of '{field}' must be a string.")
    return text


def _integer(text: str, field: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise errors.query("BAD_NUMBER", f"Error in query: '{text}' is not a number, as '{field}' is.")
    return int(text)


def _boolean(text: str, field: str) -> bool:
    if text.upper() not in ("TRUE", "FALSE"):
        raise errors.query("BAD_VALUE", f"Error in query: value '{text}' of '{field}' must be TRUE or FALSE.")
    return text.upper() == "TRUE"


def _enum(text: str, values: tuple[str, ...], field: str) -> str:
    if text.upper() not in values:
        raise errors.query("BAD_ENUM_CONSTANT", f"Invalid enum value '{text}' in WHERE clause for '{field}'.")
    return text.upper()
