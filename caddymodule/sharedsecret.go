package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// sharedSecret sets a header by which an application knows that a request came
// through the gate; nil is none. It is a function because those never print what
// they hold.
type sharedSecret func(http.Header)

// set writes the header, if there is one.
func (s sharedSecret) set(h http.Header) {
	if s != nil {
		s(h)
	}
}

// The length of a shared secret, in bytes: 128 bits of base64, and what fits in a
// line anywhere.
const (
	minSharedSecret = 22
	maxSharedSecret = 1024
)

// read reads a shared secret from its file. Its errors show nothing of it.
func (s *SharedSecret) read() (sharedSecret, error) {
	if s == nil {
		return nil, nil
	}
	if s.File == "" {
		return nil, errors.New("the file is missing")
	}
	value, err := secretLine(s.File, minSharedSecret, maxSharedSecret)
	if err != nil {
		return nil, err
	}
	name, line := http.CanonicalHeaderKey(s.Header), []string{value}
	return func(h http.Header) { h[name] = line }, nil
}

// secretLine reads a file that holds one line and that nobody else may read. Its
// errors show nothing of it.
func secretLine(file string, shortest, longest int) (string, error) {
	path, err := caddy.NewReplacer().ReplaceOrErr(file, true, true)
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := ownFile(f); err != nil {
		return "", err
	}
	content, err := io.ReadAll(io.LimitReader(f, int64(longest)+3))
	if err != nil {
		return "", err
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	visible := strings.IndexFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	if len(value) < shortest || len(value) > longest || !visible {
		return "", fmt.Errorf("%s must hold one line of %d to %d visible ASCII characters", path, shortest, longest)
	}
	return value, nil
}

// ownFile refuses a file that is no file, or that others may read.
func ownFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if mode := info.Mode(); !mode.IsRegular() {
		return fmt.Errorf("%s is no regular file", f.Name())
	} else if mode.Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("%s can be read by others (mode %04o): if nobody has, run chmod 600 on it", f.Name(), mode.Perm())
	}
	return nil
}
