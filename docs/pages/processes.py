"""The processes of a node, from csms.tree."""

from csms.config import Config
from csms.tree import node_tree
from docs.pages.tables import table
from supervisor.child import render_tree, start_order

HEAD = """\
# The processes of a node

Made from `csms/tree.py` by `python -m docs.generate`; edit that.

Started from the highest stage to the lowest, drained from the lowest to the highest. A process that
ends is started again; one that is silent for too long is killed and started again.
"""


def page() -> str:
    """Return the page as Markdown, for the default configuration."""
    # A copy without validation: the default data directory depends on where this runs.
    config = Config.model_construct(
        **{
            name: field.get_default(call_default_factory=True)
            for name, field in Config.model_fields.items()
        }
    )
    children = node_tree(config, bytes(32))
    return "\n".join(
        [
            HEAD,
            "```",
            render_tree(children),
            "```",
            "",
            *table(
                ("process", "code", "stage", "drains in at most", "silent at most", "starts in"),
                (
                    (
                        child.name,
                        f"`{child.entry}`",
                        str(child.stage),
                        f"{child.shutdown_s:g} s",
                        f"{child.hang_s:g} s",
                        f"{child.start_s:g} s",
                    )
                    for child in start_order(children)
                ),
            ),
            "",
        ]
    )
