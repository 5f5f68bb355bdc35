//go:build darwin || freebsd || linux

package badgerstore

import (
	"fmt"
	"syscall"
)

// Free returns the space left to us on the file system of dir, in bytes;
// math.MaxUint64 where that is not known.
func Free(dir string) (uint64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("badgerstore: free space of %s: %w", dir, err)
	}
	blocks := max(int64(fs.Bavail), 0) // FreeBSD counts what is kept for root below zero
	return uint64(blocks) * uint64(fs.Bsize), nil
}
