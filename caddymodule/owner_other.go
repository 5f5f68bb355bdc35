//go:build !unix

package caddymodule

import "io/fs"

// ownerOf does not know.
func ownerOf(fs.FileInfo) (uid int, ours bool) { return -1, true }
