package caddymodule

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"regexp"
	"strconv"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/sesame-gateway/sesame/authcore"
)

// client is a command's way to the server.
type client struct {
	cmd             *cobra.Command
	address         string
	config, adapter string
	json            bool
}

// question is one request to the admin API. Its body is body in JSON, or file as
// it is, or upload.
type question struct {
	method, path string
	query        url.Values
	body         any
	file         []byte
	upload       *upload
	accept       string // the media type wanted; JSON when empty
}

// ask asks the server and says what it answered: as JSON, or in say's words. An
// answer without a body leaves T as it is.
func ask[T any](c *client, q question, say func(T)) error {
	raw, header, err := c.exchange(q)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(raw)
	}
	if header.Get(pendingHeader) != "" {
		return tell(raw, c.sayAwaits)
	}
	return tell(raw, say)
}

// tell hands an answer on.
func tell[T any](raw []byte, say func(T)) error {
	var answer T
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &answer); err != nil {
			return unreadable(err)
		}
	}
	say(answer)
	return nil
}

// unreadable is what becomes of an answer in another form than it should have.
func unreadable(err error) error {
	return fmt.Errorf("the server's answer cannot be read: are server and command of one version? (%w)", err)
}

// send sends a request and returns the answer's body. Its error is a sentence; a
// *serverRefusal where the server answered.
func (c *client) send(q question) ([]byte, error) {
	raw, _, err := c.exchange(q)
	return raw, err
}

// exchange is send, with the answer's header.
func (c *client) exchange(q question) ([]byte, http.Header, error) {
	body, header, err := c.open(q)
	if err != nil {
		return nil, nil, err
	}
	defer body.Close()
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, nil, brokenOff(err)
	}
	return raw, header, nil
}

func brokenOff(err error) error { return fmt.Errorf("the server's answer broke off: %w", err) }

// open is exchange for an answer that is read while it comes; the caller closes
// it.
func (c *client) open(q question) (io.ReadCloser, http.Header, error) {
	address, err := caddycmd.DetermineAdminAPIAddress(c.address, nil, c.config, c.adapter)
	if err != nil {
		return nil, nil, fmt.Errorf("the admin endpoint is not known: %w", err)
	}
	header, body, err := q.content()
	if err != nil {
		return nil, nil, err
	}
	uri := q.path
	if len(q.query) > 0 {
		uri += "?" + q.query.Encode()
	}
	resp, err := caddycmd.AdminAPIRequest(address, q.method, uri, header, body)
	if err != nil {
		return nil, nil, c.explain(address, err)
	}
	return resp.Body, resp.Header, nil
}

// content gives the request's headers and body.
func (q question) content() (http.Header, io.Reader, error) {
	header := http.Header{"Accept": {cmp.Or(q.accept, "application/json")}}
	if name := userName(); name != "" {
		header.Set(actorHeader, name)
	}
	switch {
	case q.upload != nil:
		body, err := q.upload.content(header)
		return header, body, err
	case q.file != nil:
		header.Set("Content-Type", "application/octet-stream")
		return header, bytes.NewReader(q.file), nil
	case q.body == nil:
		return header, nil, nil
	}
	b, err := json.Marshal(q.body)
	return header, bytes.NewReader(b), err
}

// userName is who runs the command, for the audit trail: as the system knows
// them, cut to what the server takes. Behind sudo or doas it is who called that:
// two operators who are both root are two.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	name := u.Username
	if u.Uid == "0" {
		name = cmp.Or(os.Getenv("SUDO_USER"), os.Getenv("DOAS_USER"), name)
	}
	if !plain(name) {
		return ""
	}
	return strings.ToValidUTF8(name[:min(len(name), maxActor)], "")
}

// serverRefusal is an answer of 400 and above.
type serverRefusal struct {
	status   int
	body     []byte
	sentence string
}

func (r *serverRefusal) Error() string { return clean(r.sentence) }

// refusalForm is how AdminAPIRequest reports an answer of 400 and above.
var refusalForm = regexp.MustCompile(`(?s)^caddy responded with error: HTTP (\d{3}): (.*)$`)

// explain makes a sentence of what AdminAPIRequest reports.
func (c *client) explain(address string, err error) error {
	m := refusalForm.FindStringSubmatch(err.Error())
	if m == nil {
		cause := strings.TrimPrefix(err.Error(), "performing request: ")
		return fmt.Errorf("no server answers at %s: start it with \"%s run\", or say where it is with --address or --config (%s)",
			address, c.cmd.Root().Name(), clean(cause))
	}
	r := &serverRefusal{body: []byte(m[2])}
	r.status, _ = strconv.Atoi(m[1]) // three digits
	var body struct {
		Error string `json:"error"`
	}
	switch err := json.Unmarshal(r.body, &body); {
	case err == nil && body.Error != "":
		r.sentence = body.Error
	case r.status == http.StatusNotFound:
		r.sentence = fmt.Sprintf("the server at %s does not have this: it was built without Sésame, or with another version", address)
	default:
		r.sentence = fmt.Sprintf("the server at %s answers %d and does not say why", address, r.status)
	}
	return r
}

// userPath and keyPath are where the API has a person or a key. What cannot be
// one is not sent: people type codes into any field, and addresses are logged.
func userPath(id string, action ...string) (string, error) {
	parsed, err := authcore.ParseIdentifier(id)
	if err != nil {
		return "", err
	}
	return apiPath("users", string(parsed), action), nil
}

func keyPath(serial string, action ...string) (string, error) {
	parsed, err := authcore.ParseSerial(serial)
	if err != nil {
		return "", err
	}
	return apiPath("keys", string(parsed), action), nil
}

func apiPath(collection, name string, action []string) string {
	return "/sesame/" + strings.Join(append([]string{collection, url.PathEscape(name)}, action...), "/")
}
