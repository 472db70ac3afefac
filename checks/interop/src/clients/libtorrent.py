"""A peer of libtorrent: peer.py IP:PORT FOLDER TORRENT|MAGNET...

It checks what lies in the folder, fetches what is missing, and seeds until it is killed.

The environment may set UPLOAD_RATE, bytes a second for each torrent; SETTINGS, a JSON object of
more settings of the session; TRUSTED, when what lies in the folder is complete and needs no check;
and FINISHED, the path of a file to be made when a torrent is complete."""

import json
import os
import sys

import libtorrent

listen, folder, *sources = sys.argv[1:]
session = libtorrent.session({
    "listen_interfaces": listen,
    "outgoing_interfaces": listen.rpartition(":")[0].strip("[]"),
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_incoming_utp": False,
    "enable_outgoing_utp": False,
    "in_enc_policy": libtorrent.enc_policy.disabled,
    "out_enc_policy": libtorrent.enc_policy.disabled,
    "alert_mask": libtorrent.alert.category_t.status_notification
    | libtorrent.alert.category_t.tracker_notification
    | libtorrent.alert.category_t.connect_notification
    | libtorrent.alert.category_t.error_notification,
} | json.loads(os.environ.get("SETTINGS", "{}")))
for source in sources:
    if source.startswith("magnet:"):
        params = libtorrent.parse_magnet_uri(source)
    else:
        params = libtorrent.add_torrent_params()
        params.ti = libtorrent.torrent_info(source)
    params.save_path = folder
    params.upload_limit = int(os.environ.get("UPLOAD_RATE", "-1"))
    params.flags |= libtorrent.torrent_flags.disable_pex
    if "TRUSTED" in os.environ:
        params.flags |= libtorrent.torrent_flags.seed_mode
    session.async_add_torrent(params)
while True:
    session.wait_for_alert(1000)
    for alert in session.pop_alerts():
        if isinstance(alert, libtorrent.torrent_finished_alert) and "FINISHED" in os.environ:
            open(os.environ["FINISHED"], "w").close()
        print(alert.message(), flush=True)
