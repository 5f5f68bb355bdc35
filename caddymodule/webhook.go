package caddymodule

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sesame-gateway/sesame/authcore"
)

// hookTimeout bounds what a web hook is waited for.
const hookTimeout = 20 * time.Second

// webhook is a service that takes requests for assistance.
type webhook struct {
	address string
	sign    func(text string) []byte // keeps the key from whatever prints
	client  *http.Client
}

// open checks what is configured; nil is no web hook.
func (w *Webhook) open() (*webhook, error) {
	if w == nil {
		return nil, nil
	}
	address, err := caddy.NewReplacer().ReplaceOrErr(w.URL, true, true)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("this is no address, or it has a password in it: write webhook https://help.example.org/sesame")
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		return nil, fmt.Errorf("%s: requests hold names and addresses, so it must be https", w.URL)
	case w.SecretFile == "":
		return nil, errors.New("secret_file is missing: the file of the key that signs what is posted")
	}
	key, err := secretLine(w.SecretFile, minSharedSecret, maxSharedSecret)
	if err != nil {
		return nil, fmt.Errorf("secret_file: %w", err)
	}
	sign := func(text string) []byte {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	return &webhook{address, sign, &http.Client{
		Transport: transport, Timeout: hookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// requestView is what the API shows of a request, and what a web hook gets.
type requestView struct {
	Reference     authcore.Reference  `json:"reference"`
	Sent          time.Time           `json:"sent"`
	Until         time.Time           `json:"until"`
	Holder        authcore.Identifier `json:"holder,omitempty"` // who was logged in; absent for a stranger
	UAI           string              `json:"uai,omitempty"`
	Surname       string              `json:"surname"`
	GivenName     string              `json:"given_name"`
	Function      string              `json:"function,omitempty"`
	Establishment string              `json:"establishment,omitempty"`
	Email         string              `json:"email,omitempty"`
	Phone         string              `json:"phone,omitempty"`
	Hours         string              `json:"hours,omitempty"`
	Subject       string              `json:"subject"`
	Description   string              `json:"description,omitempty"` // a list has none
	Accounts      string              `json:"accounts,omitempty"`
	KeyNumber     string              `json:"key,omitempty"`
	Refusal       string              `json:"refusal,omitempty"`
	Met           string              `json:"met,omitempty"`
	Application   string              `json:"application,omitempty"`
	Screenshots   int                 `json:"screenshots"`
}

func viewRequest(r authcore.Request) requestView {
	return requestView{
		r.Reference, r.Sent, r.Until, r.Holder, r.UAI, r.Surname, r.GivenName, r.Function, r.Establishment, r.Email, r.Phone, r.Hours, r.Subject,
		r.Description, r.Accounts, r.KeyNumber, r.Refusal, r.Met, r.Application, r.Pictures,
	}
}

// hookDocument is what a web hook gets.
type hookDocument struct {
	Request requestView   `json:"request"`
	Files   []hookPicture `json:"files"`
}

type hookPicture struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Data []byte `json:"data"` // base64 (RFC 4648, section 4)
}

// post hands a request to the web hook: the same document under the same Sesame-
// Delivery at each attempt. Sesame-Signature is t=SECONDS,v1=HEX, the HMAC-SHA256 of
// the seconds, a dot and the body: the receiver refuses what is old.
func (m *mailer) post(ctx context.Context, msg authcore.Message) error {
	r, err := m.requested(ctx, msg.Request)
	if err != nil {
		return undelivered{err, !errors.Is(err, errNotNow), false}
	}
	d := hookDocument{Request: viewRequest(r), Files: make([]hookPicture, 0, len(r.Screenshots))}
	for i, s := range r.Screenshots {
		d.Files = append(d.Files, hookPicture{pictureName(r.Reference, i+1, s.Type()), s.Type(), s.Bytes()})
	}
	body, err := json.Marshal(d)
	if err != nil {
		return undelivered{err, true, false}
	}
	return m.hook.post(ctx, msg.ID, body)
}

// forGoodStatus are the answers that say that this document will never be taken.
var forGoodStatus = []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}

func (w *webhook) post(ctx context.Context, id string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address, bytes.NewReader(body))
	if err != nil {
		return undelivered{err, false, false}
	}
	seconds := strconv.FormatInt(now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "sesame")
	req.Header.Set("Sesame-Delivery", id)
	req.Header.Set("Sesame-Signature", "t="+seconds+",v1="+hex.EncodeToString(w.sign(seconds+"."+string(body))))
	resp, err := w.client.Do(req)
	if err != nil {
		return undelivered{err, false, false}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10)) // nothing of it is looked at
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return undelivered{fmt.Errorf("the web hook answered %d", resp.StatusCode), slices.Contains(forGoodStatus, resp.StatusCode), false}
}
