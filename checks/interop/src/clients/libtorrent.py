"""A peer of libtorrent: peer.py IP:PORT FOLDER TORRENT|MAGNET...

It checks what lies in the folder, fetches what is missing, and seeds until it is killed; if
UPLOAD_RATE is set, with so many bytes a second for each torrent."""

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
})
for source in sources:
    if source.startswith("magnet:"):
        params = libtorrent.parse_magnet_uri(source)
    else:
        params = libtorrent.add_torrent_params()
        params.ti = libtorrent.torrent_info(source)
    params.save_path = folder
    params.upload_limit = int(os.environ.get("UPLOAD_RATE", "-1"))
    params.flags |= libtorrent.torrent_flags.disable_pex
    session.async_add_torrent(params)
while True:
    session.wait_for_alert(1000)
    for alert in session.pop_alerts():
        print(alert.message(), flush=True)
