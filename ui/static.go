package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// StaticPrefix is the path under which the files of Static are to be served.
const StaticPrefix = "/.sesame/static/"

//go:embed static
var assets embed.FS

// static is made once, from files that cannot change while the program runs.
var static = newHashedFS(assets, "static")

// Static returns the style sheet, the script and the icon that the pages need,
// each under a name that carries a digest of its content
// ("sesame.1f0c2a9d4b7e.css"): serve them with
// "Cache-Control: public, max-age=31536000, immutable". It opens those files
// and nothing else, no directory either.
func Static() fs.FS { return static }

// StaticPath returns the path at which the pages expect one of the static
// files, StaticPrefix included, by its plain name ("sesame.css"). It is empty
// when there is no such file.
func StaticPath(name string) string {
	hashed, ok := static.hashed[name]
	if !ok {
		return ""
	}
	return StaticPrefix + hashed
}

// StaticNames lists the plain names of the static files.
func StaticNames() []string {
	names := make([]string, 0, len(static.plain))
	for _, plain := range static.plain {
		names = append(names, plain)
	}
	return names
}

// hashedFS serves files under names that change with their content.
type hashedFS struct {
	files  fs.FS
	plain  map[string]string // hashed name → plain name
	hashed map[string]string // plain name → hashed name
}

func newHashedFS(files fs.FS, dir string) *hashedFS {
	h := &hashedFS{plain: make(map[string]string), hashed: make(map[string]string)}
	sub, err := fs.Sub(files, dir)
	if err == nil {
		h.files = sub
		err = fs.WalkDir(sub, ".", h.add)
	}
	if err != nil {
		panic(fmt.Sprintf("ui: the embedded static files cannot be read: %v", err))
	}
	return h
}

func (h *hashedFS) add(name string, entry fs.DirEntry, err error) error {
	if err != nil || entry.IsDir() {
		return err
	}
	content, err := fs.ReadFile(h.files, name)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	h.plain[hashed], h.hashed[name] = name, hashed
	return nil
}

// Open opens a file by its hashed name.
func (h *hashedFS) Open(name string) (fs.File, error) {
	plain, ok := h.plain[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return h.files.Open(plain)
}
