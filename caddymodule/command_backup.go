package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

func backupCommand() *cobra.Command {
	cmd := newCommand("backup FILE", "Makes a backup of the store while the server runs, and reads it back", cobra.ExactArgs(1), func(c *client, args []string) error {
		b, err := c.backup(args[0])
		if err != nil {
			return err
		}
		if c.json {
			raw, err := json.Marshal(b)
			if err != nil {
				return err
			}
			return c.printJSON(raw)
		}
		c.say("%s holds the store as it was at %s: %s, %s, %s; keep it apart from the secret file, without which nobody can restore it",
			args[0], localTime(b.Made), count(b.Keys, "key", "keys"), count(b.People, "person", "people"), count(b.Records, "record", "records"))
		return nil
	})
	cmd.Long = `Makes a backup of the store, as it is at one instant, while the server runs: its
records, sealed as they stand there, but for sessions and what else lives for
minutes or hours. The server reads the file back and verifies every record of it
before it takes its name; an earlier file of that name stays until then.

A backup is restored with the secret file of its time, or of later: keep that
elsewhere. Names of people and serial numbers can be read in it without.`
	return cmd
}

// backup writes a backup into a file, and returns what is in it.
func (c *client) backup(path string) (b authcore.Backup, err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".sesame-backup-*") // mode 0600
	if err != nil {
		return b, fmt.Errorf("the backup cannot be written: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	body, _, err := c.open(question{method: http.MethodPost, path: "/sesame/backup", accept: "application/octet-stream"})
	if err != nil {
		return b, err
	}
	defer body.Close()
	if _, err := io.Copy(f, body); err != nil {
		return b, fmt.Errorf("the backup was not written to its end: %w", err)
	}
	if err := f.Sync(); err != nil {
		return b, fmt.Errorf("the backup is not on the disk: %w", err)
	}
	if b, err = c.checkBackup(f.Name()); err != nil {
		return b, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return b, err
	}
	return b, errors.Join(f.Close(), syncDir(dir))
}

// checkBackup has the server read a backup.
func (c *client) checkBackup(path string) (b authcore.Backup, err error) {
	raw, err := c.send(question{method: http.MethodPost, path: "/sesame/backup/check", upload: &upload{
		open: func() (io.ReadCloser, error) { return os.Open(path) },
	}})
	if err == nil && json.Unmarshal(raw, &b) != nil {
		err = unreadable(errors.New("this is no report of a backup"))
	}
	return b, err
}
