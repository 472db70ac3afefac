#!/bin/sh
# A peer of transmission: peer.sh HOME IP:PORT TORRENT|MAGNET...
# The daemon takes its settings from HOME, and at IP:PORT the torrents.

home=$1 remote=$2
shift 2

transmission-daemon --foreground --config-dir "$home" &
daemon=$!

until transmission-remote "$remote" --session-info > "$home/session" 2>&1; do
    kill -0 "$daemon" || exit 1
    sleep 0.2
done
for source in "$@"; do
    transmission-remote "$remote" --add "$source" || exit 1
done
wait "$daemon"
