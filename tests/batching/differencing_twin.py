"""Largest differencing written as the paper says it, slowly."""

Part = tuple[int, list[int]]


def divide(works: list[int], num_parts: int, equal_size: bool = False) -> list[list[int]]:
    """Parts of indices: the two widest divisions are laid over each other, heavy on light, until one is left."""
    heaviest_first = sorted(range(len(works)), key=lambda index: -works[index])
    # A division is its parts, heaviest first. Those made first come first: among equally wide ones they are taken.
    divisions: list[list[Part]] = []
    if equal_size:
        dealt = [heaviest_first[place : place + num_parts] for place in range(0, len(works), num_parts)]
        divisions = [[(works[index], [index]) for index in group] for group in dealt]
    else:
        divisions = [[(works[index], [index])] for index in range(len(works))]

    def width(division: list[Part]) -> int:
        return division[0][0] - (division[-1][0] if len(division) == num_parts else 0)

    while len(divisions) > 1:
        first, second = sorted(range(len(divisions)), key=lambda place: -width(divisions[place]))[:2]
        widest, other = divisions[first], divisions[second]
        divisions = [division for place, division in enumerate(divisions) if place not in (first, second)]
        divisions.append(overlay(widest, other, num_parts))
    parts = [sorted(indices) for _, indices in divisions[0]] if divisions else []
    parts.sort(key=lambda part: (-sum(works[index] for index in part), part))
    return parts + [[] for _ in range(num_parts - len(parts))]


def overlay(widest: list[Part], other: list[Part], num_parts: int) -> list[Part]:
    """The heaviest of one on the lightest of the other, and so on; a part that nothing was laid on comes first."""
    slots = widest + [(0, [])] * (num_parts - len(widest))
    on_parts, on_empty = [], []
    for rank, (work, indices) in enumerate(other):
        under, below = slots[num_parts - 1 - rank]
        if below:
            on_parts.insert(0, (under + work, below + indices))
        else:
            on_empty.append((work, indices))
    left = [part for part in slots[: num_parts - len(other)] if part[1]]
    return sorted(left + on_parts + on_empty, key=lambda part: -part[0])
