package caddymodule

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
)

// anchorFile is where an anchor is kept outside its store, with the one before in
// a second file; "" is nowhere.
type anchorFile string

// earlier is the file of the generation before.
func (f anchorFile) earlier() string { return string(f) + ".before" }

// read returns the newer of the two anchors that can be read, nil where there is
// neither file.
func (f anchorFile) read(s *authcore.Secrets) (newest *authcore.Anchor, err error) {
	if f == "" {
		return nil, nil
	}
	var errs []error
	for _, name := range []string{string(f), f.earlier()} {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		var a authcore.Anchor
		if err == nil {
			a, err = s.ParseAnchor(text)
		}
		switch {
		case err != nil:
			errs = append(errs, err)
		case newest == nil || a.Newer(*newest):
			newest = &a
		}
	}
	if newest == nil && errs != nil {
		return nil, fmt.Errorf("the anchor %s, which says what the store was last, cannot be read (%w): restore it, or remove it and %s once you know that the store is the right one",
			f, errs[0], f.earlier())
	}
	return newest, nil
}

// write puts an anchor in the place of the one before. Whatever happens, a whole
// one stands in one of the two files.
func (f anchorFile) write(a authcore.Anchor) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	dir := filepath.Dir(string(f))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".anchor-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = f.replace(temp.Name())
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(temp.Name()))
	}
	return syncDir(dir)
}

func (f anchorFile) replace(by string) error {
	if err := os.Rename(string(f), f.earlier()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Rename(by, string(f))
}

// anchorTime bounds what an anchor may wait for its store.
const anchorTime = 10 * time.Second

// keepAnchor writes down outside the store how far that has come. Where that
// cannot be, it goes on without, and says so.
func (s *openStore) keepAnchor() {
	if s.where.anchor == "" {
		return
	}
	s.anchoring.Lock()
	defer s.anchoring.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), anchorTime)
	defer cancel()
	a, err := s.gate.Anchor(ctx)
	if err == nil {
		err = s.where.anchor.write(a)
	}
	if err != nil {
		s.log.Error("the store's anchor could not be written: a loss of the store's newest records would not be noticed",
			slog.String("file", string(s.where.anchor)), slog.Any("error", err))
	}
}

// defaultAnchor names the anchor of a store in Caddy's data directory by where the
// store is.
func defaultAnchor(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return fmt.Sprintf("sesame-%x.anchor", sum[:8])
}
