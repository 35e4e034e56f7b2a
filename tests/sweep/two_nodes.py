"""A cluster of two nodes on this machine: `python two_nodes.py`, then lines on stdin.

It prints the address. "kill" ends the second node as a power cut would; "lie" lets the cluster
say that it has another version; the end of stdin ends all.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile


def main() -> None:
    # not in a test's own folder: the path of a socket has a hundred letters at most
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        os.environ |= {"RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0"}
        run()


def run() -> None:
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 10**8}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    second = cluster.add_node(**node)
    cluster.wait_for_nodes()
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "kill":
            cluster.remove_node(second, allow_graceful=False)
        if line.strip() == "lie":
            lie(cluster.address)
        print("done", flush=True)
    cluster.shutdown()


def lie(address: str) -> None:
    from ray._common.usage.usage_constants import CLUSTER_METADATA_KEY
    from ray._private.ray_constants import KV_NAMESPACE_CLUSTER
    from ray._raylet import GcsClient

    client = GcsClient(address=address)
    known = json.loads(client.internal_kv_get(CLUSTER_METADATA_KEY, KV_NAMESPACE_CLUSTER))
    told = json.dumps({**known, "ray_version": "1.0.0"}).encode()
    client.internal_kv_put(CLUSTER_METADATA_KEY, told, True, KV_NAMESPACE_CLUSTER)


if __name__ == "__main__":
    main()
