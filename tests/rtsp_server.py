"""A real RTSP server that plays an MP4 of H.264 on loopback, once for each client.

    PYTHON rtsp_server.py FILE PORT

PYTHON needs GStreamer's bindings, which exist for a system's own interpreter. Prints a line when
it listens.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main() -> None:
    file, port = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(f'( filesrc location="{file}" ! qtdemux ! rtph264pay name=pay0 pt=96 )')
    server.get_mount_points().add_factory("/camera", factory)
    if not server.attach(None):
        raise SystemExit(f"port {port} is in use")
    print("listening", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
