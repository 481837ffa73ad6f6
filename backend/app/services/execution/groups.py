"""Orders that belong together: exits to their entry, and orders of which one cancels the others."""

from collections.abc import Iterable, Sequence

from app.core.orders import Order


class Groups:
    """Which orders are exits of which entry, and which cancel one another."""

    def __init__(self) -> None:
        self._exits: dict[int, list[Order]] = {}
        self._members: dict[int, list[Order]] = {}

    def add_exits(self, entry: Order, exits: Sequence[Order]) -> None:
        """Make `exits` those of `entry`; if there are two, one cancels the other."""
        self._exits[entry.id] = list(exits)
        if len(exits) > 1:
            self.link(exits)

    def exits_of(self, entry: Order) -> Sequence[Order]:
        """The exits of an entry, in the order they were made."""
        return self._exits.get(entry.id, ())

    def link(self, orders: Iterable[Order]) -> None:
        """Let one of `orders` cancel the others; those linked to them before join."""
        members: list[Order] = []
        for order in orders:
            if order not in members:
                members += self._members.pop(order.group) if order.group else [order]
        group = members[0].id
        for order in members:
            order.group = group
        self._members[group] = members

    def others(self, order: Order) -> list[Order]:
        """The other orders of its group."""
        members = self._members.get(order.group, ()) if order.group else ()
        return [other for other in members if other is not order]

    def put_in_place(self, old: Order, new: Order) -> None:
        """Let `new` belong where `old` did."""
        new.parent, new.group = old.parent, old.group
        for orders in (self._exits.get(old.parent, []), self._members.get(old.group, [])):
            orders[:] = [new if order is old else order for order in orders]
        if old.id in self._exits:
            exits = self._exits[new.id] = self._exits.pop(old.id)
            for order in exits:
                order.parent = new.id
