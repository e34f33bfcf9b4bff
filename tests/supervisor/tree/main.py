"""A node's main process for the tests: its arguments come as one JSON text.

{"run_dir": path, "children": [{...Child}], "settings": {...NodeSettings}, "listen": bool}
"""

import json
import socket
import sys
from pathlib import Path

from supervisor.boot import Node, NodeSettings, serve
from supervisor.child import Child


def main(text: str) -> int:
    plan = json.loads(text)
    sockets = {}
    if plan.get("listen"):
        public = socket.create_server(("0.0.0.0", 0))
        (Path(plan["run_dir"]).parent / "port").write_text(str(public.getsockname()[1]))
        sockets["public"] = public
    children = [Child(**row) for row in plan["children"]]
    settings = NodeSettings.model_validate(plan.get("settings", {}))
    return serve(Node(children, Path(plan["run_dir"]), settings, sockets=sockets))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
