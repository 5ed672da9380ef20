"""The figures of a benchmark beside those of a peer: a table, and the elements of its file."""

import json
import os


def row(name, unit, better, ours, theirs, goal, peer=""):
    """An element of the file; @better is lower or higher, @goal what ours is to reach."""
    return {"name": name, "unit": unit, "better": better, "aerie": round(ours, 2),
            "peer": peer, "peer_value": round(theirs, 2), "goal": round(goal, 2)}


def missed(entry):
    better = entry["aerie"] <= entry["goal"] if entry["better"] == "lower" else \
        entry["aerie"] >= entry["goal"]
    return not better


def worse(entry):
    sign = 1 if entry["better"] == "lower" else -1
    return sign * entry["aerie"] > sign * entry["peer_value"]


def number(value):
    """As the table has it: whole, but for small ones."""
    return f"{value:,.2f}" if 0 < value < 10 else f"{value:,.0f}"


def show(found):
    """Print the table."""
    width = max(len(e["name"]) for e in found)
    print(f"  {'':<{width}}{'aerie':>11}{'peer':>11}{'ratio':>7}{'goal':>11}  unit, peer")
    for e in found:
        verdict = "  worse" if worse(e) else "  misses" if missed(e) else ""
        ratio = number(e["aerie"] / e["peer_value"]) if e["peer_value"] else "-"
        print(f"  {e['name']:<{width}}{number(e['aerie']):>11}{number(e['peer_value']):>11}"
              f"{ratio:>7}{number(e['goal']):>11}  {e['unit']}, {e['peer']}{verdict}")


def write(found, path):
    """Write the file, and say so and what is not as good as it should be."""
    with open(path, "w") as f:
        json.dump(found, f, indent=1)
        f.write("\n")
    print(f"\n{len(found)} figures in {os.path.relpath(path)}\n"
          f"miss their goal: {' '.join(e['name'] for e in found if missed(e)) or 'none'}\n"
          f"worse than the peer: {' '.join(e['name'] for e in found if worse(e)) or 'none'}")
