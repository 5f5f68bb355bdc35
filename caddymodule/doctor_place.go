package caddymodule

import (
	"errors"
	"io/fs"
	"math"
	"net/http"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore/store/badgerstore"
)

// plenty is how many times the least free space is no cause for concern.
const plenty = 8

func (c checkUp) disk() finding {
	const do = "make room on it, or give the store a larger one"
	free, err := badgerstore.Free(c.app.where.dir)
	switch {
	case err != nil:
		return wrong("see whether the disk is mounted", "%v", err)
	case free == math.MaxUint64:
		return fine("how much is free cannot be told on %s", runtime.GOOS)
	case free < badgerstore.LeastFree:
		return wrong(do, "%d MiB are free: below %d MiB nothing is written, and nobody logs in", free>>20, badgerstore.LeastFree>>20)
	case free < plenty*badgerstore.LeastFree:
		return warning(do, "%d MiB are free: below %d MiB nothing is written, and nobody logs in", free>>20, badgerstore.LeastFree>>20)
	}
	return fine("%d MiB are free, at least %d are wanted", free>>20, badgerstore.LeastFree>>20)
}

// anchorOld is the age from which an anchor is no longer kept: it is written once
// a minute.
const anchorOld = 5 * time.Minute

func (c checkUp) anchor() finding {
	const do = "see the server's log for why it cannot be written"
	name := string(c.app.where.anchor)
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return wrong(do, "%s is missing: a store that was emptied or put back would not be noticed", name)
	case err != nil:
		return wrong(do, "%v", err)
	}
	// The file system's clock is the machine's, and not the gate's.
	if age := time.Since(info.ModTime()); age > anchorOld {
		return wrong(do, "%s was last written %s ago, and is to be every minute", name, age.Round(time.Second))
	}
	return fine("is written every minute")
}

func (c checkUp) secretFile() finding {
	name := c.app.where.secret
	info, err := os.Stat(name)
	if err != nil {
		return wrong("put its copy back before the server is restarted: without it the store cannot be read", "%v", err)
	}
	if mode := info.Mode(); runtime.GOOS != "windows" && (!mode.IsRegular() || mode.Perm()&0o077 != 0) {
		return wrong("chmod 600 it; if others may have read it: caddy sesame secret rotate FILE", "%s has the mode %s, and others can get at it", name, mode)
	}
	if owner, ours := ownerOf(info); !ours {
		return warning("chown it to the user that the server runs as", "%s belongs to user %d, who is not the server's", name, owner)
	}
	return fine("is the server's alone")
}

// endpoint looks at where the admin endpoint listens, which Caddy's server for it
// names in its address.
func (c checkUp) endpoint() finding {
	server, ok := c.Request.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return warning("see the option admin", "where it listens cannot be told")
	}
	return judgeEndpoint(server.Addr)
}

func judgeEndpoint(listens string) finding {
	const do = "admin unix//run/caddy/admin.sock, or localhost:2019: who reaches it may do everything"
	address, err := caddy.ParseNetworkAddress(listens)
	switch {
	case err != nil:
		return warning("see the option admin", "%s cannot be read: %v", listens, err)
	case address.IsUnixNetwork():
		path, _, _ := strings.Cut(address.Host, "|")
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o002 != 0 {
			return wrong("admin "+listens+"|0220 lets its owner and group connect", "everybody on this machine may connect to %s (%s)", path, info.Mode())
		}
		return fine("is the socket %s", path)
	case !isLoopback(address.Host):
		return wrong(do, "listens on %s, which others can reach", address.JoinHostPort(0))
	}
	return fine("listens on %s: everybody on this machine can reach it", listens)
}
