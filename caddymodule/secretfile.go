package caddymodule

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"github.com/sesame-gateway/sesame/authcore"
)

// maxSecretFile bounds the secret file, in bytes: some hundred generations.
const maxSecretFile = 1 << 20

// loadOrMakeSecrets reads the secret file of a place, or makes one where there
// is neither a secret file nor a store that is in use. A store without its secrets is never
// given new ones: they would not open it, and hide that the right ones are
// missing.
func loadOrMakeSecrets(where place, used func() (bool, error)) (content []byte, s *authcore.Secrets, err error) {
	content, s, err = loadSecrets(where.secret)
	if !errors.Is(err, os.ErrNotExist) {
		return content, s, err
	}
	full, errUsed := used()
	if errUsed != nil {
		return nil, nil, fmt.Errorf("looking into the store: %w", errUsed)
	}
	if full {
		return nil, nil, fmt.Errorf("the store in %s exists but its secret file %s is missing: restore the file from where you keep its copy; without it nothing in the store can be read", where.name(), where.secret)
	}
	if err := makeSecrets(where.secret); err != nil {
		return nil, nil, fmt.Errorf("making the secret file: %w", err)
	}
	return loadSecrets(where.secret)
}

// loadSecrets reads a secret file, which nobody else must be able to read.
func loadSecrets(path string) (content []byte, s *authcore.Secrets, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("the secret file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("the secret file: %w", err)
	}
	if mode := info.Mode(); !mode.IsRegular() {
		return nil, nil, fmt.Errorf("the secret file %s is no regular file", path)
	} else if mode.Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, nil, fmt.Errorf("the secret file %s can be read by others (mode %04o): if nobody has, run chmod 600 on it", path, mode.Perm())
	}
	if content, err = io.ReadAll(io.LimitReader(f, maxSecretFile)); err != nil {
		return nil, nil, fmt.Errorf("the secret file: %w", err)
	}
	if s, err = authcore.ParseSecrets(content); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return content, s, nil
}

// makeSecrets writes fresh secrets into a file that does not exist, and returns
// once they are on the disk, the file's name included.
func makeSecrets(path string) error {
	s, err := authcore.NewSecrets()
	if err != nil {
		return err
	}
	content, err := s.Marshal()
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil // another process was faster; the store's lock will tell us apart
	}
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDir(dir)
}

// replaceSecrets puts secrets in the place of a secret file, and returns what the
// file holds. Whatever happens, a whole file stands there.
func replaceSecrets(path string, s *authcore.Secrets) (content []byte, err error) {
	if content, err = s.Marshal(); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".secret-*") // mode 0600
	if err != nil {
		return nil, err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(f.Name()))
	}
	return content, syncDir(dir)
}

// completeSecrets writes a secret file again that lacked keys which its secrets
// have now. A file that cannot be written stays as it is: the gate works with keys
// that last until it stops, and the log says so.
func completeSecrets(path string, content []byte, s *authcore.Secrets, log *slog.Logger) []byte {
	if !s.Added() {
		return content
	}
	whole, err := replaceSecrets(path, s)
	if err != nil {
		log.Warn("the secret file is of an earlier version and lacks the keys that sign assertions; it could not be written again, so that these keys last until the server stops: run \"caddy sesame secret rotate\" on it as a user who may write it, and reload the server",
			"file", path, "error", err)
		return content
	}
	log.Info("the secret file was of an earlier version and has keys that sign assertions now: keep a copy of it", "file", path)
	return whole
}

// syncDir makes the names in a directory durable, where the system can.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
