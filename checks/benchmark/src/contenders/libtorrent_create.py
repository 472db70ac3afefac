"""Makes a torrent of a file: create.py FILE TORRENT PIECE_LEN."""

import os
import sys

import libtorrent

content, out, piece_len = sys.argv[1:]
files = libtorrent.file_storage()
libtorrent.add_files(files, content)
torrent = libtorrent.create_torrent(
    files, piece_size=int(piece_len), flags=libtorrent.create_torrent.v1_only
)
libtorrent.set_piece_hashes(torrent, os.path.dirname(content))
with open(out, "wb") as file:
    file.write(libtorrent.bencode(torrent.generate()))
