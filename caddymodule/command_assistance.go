package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// assistanceCommands are the commands below "assistance".
func assistanceCommands() []*cobra.Command {
	return []*cobra.Command{
		assistanceListCommand(),
		newCommand("show REFERENCE", "Shows a request for assistance", cobra.ExactArgs(1), func(c *client, args []string) error {
			return ask(c, question{method: http.MethodGet, path: requestPath(args[0])}, func(r requestView) {
				for line := range strings.SplitSeq(strings.ReplaceAll(r.text(), "\r\n", "\n"), "\n") {
					c.say("%s", line)
				}
			})
		}),
		assistanceExportCommand(),
		newCommand("remove REFERENCE", "Deletes a request for assistance with its screenshots", cobra.ExactArgs(1), func(c *client, args []string) error {
			return ask(c, question{method: http.MethodDelete, path: requestPath(args[0])}, func(struct{}) {
				c.say("request %s is deleted", args[0])
			})
		}),
	}
}

func requestPath(reference string, more ...string) string {
	return "/sesame/assistance/" + strings.Join(append([]string{url.PathEscape(strings.ToUpper(reference))}, more...), "/")
}

func assistanceListCommand() *cobra.Command {
	var of, uai string
	var limit int
	cmd := newCommand("list", "Lists the requests for assistance, the newest first", cobra.NoArgs, func(c *client, _ []string) error {
		query := make(url.Values)
		if of != "" {
			query.Set("user", of)
		}
		if uai != "" {
			query.Set("establishment", uai)
		}
		return askAll(c, question{method: http.MethodGet, path: "/sesame/assistance", query: query}, limit, c.sayRequests)
	})
	cmd.Flags().StringVar(&of, "user", "", "only those of this person, sent while logged in")
	cmd.Flags().StringVar(&uai, "establishment", "", "only those of this establishment (UAI)")
	limitFlag(cmd, &limit)
	return cmd
}

func (c *client) sayRequests(list requestList) {
	if len(list.Requests) == 0 {
		c.say("there is no request")
		return
	}
	rows := make([][]string, 0, len(list.Requests))
	for _, r := range list.Requests {
		rows = append(rows, []string{string(r.Reference), localTime(r.Sent), string(r.Holder), r.UAI, r.GivenName + " " + r.Surname, r.Subject, fmt.Sprint(r.Screenshots)})
	}
	c.table([]string{"REFERENCE", "SENT", "LOGGED IN AS", "UAI", "NAME", "SUBJECT", "SCREENSHOTS"}, rows)
}

// text is a request, a field a line.
func (r requestView) text() string {
	who := "nobody: nothing below is verified"
	if r.Holder != "" {
		who = string(r.Holder)
	}
	lines := []string{fmt.Sprintf("request %s of %s, kept until %s", r.Reference, localTime(r.Sent), localTime(r.Until)), "logged in as: " + who}
	for _, f := range [][2]string{
		{"UAI", r.UAI}, {"surname", r.Surname}, {"given name", r.GivenName}, {"function", r.Function}, {"establishment", r.Establishment}, {"e-mail", r.Email},
		{"phone", r.Phone}, {"hours", r.Hours}, {"subject", r.Subject}, {"accounts", r.Accounts}, {"key", r.KeyNumber}, {"refusal", r.Refusal}, {"met", r.Met},
		{"application", r.Application}, {"screenshots", fmt.Sprint(r.Screenshots)}, {"description", "\n" + r.Description},
	} {
		if strings.TrimSpace(f[1]) != "" {
			lines = append(lines, f[0]+": "+f[1])
		}
	}
	return strings.Join(lines, "\n")
}

func assistanceExportCommand() *cobra.Command {
	return newCommand("export REFERENCE DIRECTORY", "Writes a request and its screenshots into a directory", cobra.ExactArgs(2), func(c *client, args []string) error {
		var r requestView
		if err := c.fetch(requestPath(args[0]), &r); err != nil {
			return err
		}
		return c.exportRequest(r, args[1])
	})
}

// fetch reads an answer.
func (c *client) fetch(path string, to any) error {
	raw, err := c.send(question{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return unreadable(err)
	}
	return nil
}

// exportRequest writes new files alone.
func (c *client) exportRequest(r requestView, dir string) error {
	write := func(name string, data []byte) error {
		f, err := os.OpenFile(filepath.Join(dir, filepath.Base(name)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		if errClose := f.Close(); err == nil {
			err = errClose
		}
		return err
	}
	if err := write(string(r.Reference)+".txt", []byte(r.text()+"\n")); err != nil {
		return err
	}
	for n := range r.Screenshots {
		var p hookPicture
		err := c.fetch(requestPath(string(r.Reference), "screenshots", fmt.Sprint(n+1)), &p)
		if err == nil {
			err = write(p.Name, p.Data)
		}
		if err != nil {
			return fmt.Errorf("screenshot %d: %w", n+1, err)
		}
	}
	c.say("request %s is in %s, with %d screenshots", r.Reference, dir, r.Screenshots)
	return nil
}
