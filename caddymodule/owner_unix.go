//go:build unix

package caddymodule

import (
	"io/fs"
	"os"
	"syscall"
)

// ownerOf returns the user whose file it is, and whether that is the one this
// process runs as.
func ownerOf(info fs.FileInfo) (uid int, ours bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, true
	}
	return int(s.Uid), int(s.Uid) == os.Geteuid()
}
