package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// browser is a person's plain HTTP client: it keeps cookies, follows redirects,
// reads forms and posts them whole, hidden fields and all.
type browser struct {
	t      *testing.T
	client *http.Client
}

// page is what a browser shows.
type page struct {
	status int
	url    *url.URL
	header http.Header
	body   string
	text   string
	title  string
	lang   string
	form   url.Values // the first form's fields as they stand
	action string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar, Transport: loopbackTransport()}}
}

// loopbackTransport resolves every name to this machine, as browsers resolve
// *.localhost.
func loopbackTransport() *http.Transport { return transportTo("127.0.0.1") }

// transportTo resolves every name to that address.
func transportTo(host string) *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost: 64,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			var d net.Dialer
			return d.DialContext(ctx, network, net.JoinHostPort(host, port))
		},
	}
}

// open loads a page as a navigation does.
func (b *browser) open(address string) page {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

func (b *browser) do(req *http.Request) page {
	b.t.Helper()
	p, err := b.try(req)
	if err != nil && req.Method == http.MethodGet {
		// A kept connection may be closed under a request when the server changes
		// its listeners; browsers ask again.
		p, err = b.try(req)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *browser) try(req *http.Request) (page, error) {
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	}
	if req.Header.Get("Accept-Language") == "" {
		req.Header.Set("Accept-Language", "fr-FR,fr;q=0.9")
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return page{}, err
	}
	p := page{status: resp.StatusCode, url: resp.Request.URL, header: resp.Header, body: string(body)}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		p.read()
	}
	return p, nil
}

// submit fills the page's form in and posts it as a browser does.
func (b *browser) submit(p page, fields ...string) page {
	b.t.Helper()
	return b.do(b.request(p, fields...))
}

// request is the form's post: the fields given by name and value, the others as
// they stand.
func (b *browser) request(p page, fields ...string) *http.Request {
	b.t.Helper()
	if p.form == nil {
		b.t.Fatalf("there is no form on %s:\n%s", p.url, p.text)
	}
	values := url.Values{}
	for name, v := range p.form {
		values[name] = v
	}
	for i := 0; i < len(fields); i += 2 {
		if _, ok := values[fields[i]]; !ok {
			b.t.Fatalf("the form of %s has no field %q", p.url, fields[i])
		}
		values.Set(fields[i], fields[i+1])
	}
	action, err := p.url.Parse(p.action)
	if err != nil {
		b.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, action.String(), strings.NewReader(values.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.url.Scheme+"://"+p.url.Host)
	return req
}

// read takes the text, the title and the form out of the HTML.
func (p *page) read() {
	root, err := html.Parse(strings.NewReader(p.body))
	if err != nil {
		return
	}
	var text strings.Builder
	var walk func(n *html.Node, in bool)
	walk = func(n *html.Node, inForm bool) {
		if n.Type == html.TextNode {
			text.WriteString(n.Data)
			text.WriteString(" ")
		}
		if n.Type == html.ElementNode {
			switch n.Data {
			case "html":
				p.lang = attr(n, "lang")
			case "title":
				p.title = strings.TrimSpace(n.FirstChild.Data)
			case "script", "style":
				return
			case "form":
				if p.form == nil && strings.EqualFold(attr(n, "method"), "post") {
					p.form, p.action, inForm = url.Values{}, attr(n, "action"), true
				}
			case "input":
				if inForm && attr(n, "name") != "" {
					p.form.Set(attr(n, "name"), attr(n, "value"))
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, inForm)
		}
	}
	walk(root, false)
	// The non-breaking spaces of French typography are spaces to the tests.
	p.text = strings.Join(strings.Fields(strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(text.String())), " ")
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// says fails unless the page shows that text.
func (p page) says(t *testing.T, text string) page {
	t.Helper()
	if !strings.Contains(p.text, text) {
		t.Fatalf("%s (%d) does not say %q:\n%s", p.url, p.status, text, p.text)
	}
	return p
}
