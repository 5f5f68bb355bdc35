package caddymodule

import (
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sesame-gateway/sesame/ui"
)

// Where the operator asks for it, the script that warns before the end of a
// session is put behind the pages of an application that cannot be changed: one
// element behind the last byte, where HTML takes it for part of the body. Nothing
// is searched, held back or rewritten, so that it costs nothing and breaks nothing;
// where it might (another encoding, a compressed body, a file to be saved, a policy
// that forbids it) the answer stays as it is.

// injector is the answer to a page load that may get the script.
type injector struct {
	*caddyhttp.ResponseWriterWrapper
	origin origin // which the script comes from
	tag    string
	head   bool // the answer has no body, whatever its header says of one
	begun  bool
	adds   bool
	length int64 // of the body, as the application has announced it; or -1
	sent   int64
}

// injected makes w one that puts the script behind a page, and the request one
// whose answer is not compressed, should this be a page load. Its caller ends it
// with finish when the request has been answered without an error.
func (x *exchange) injected(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, func()) {
	if !x.site.inject {
		return w, func() {}
	}
	dest := r.Header.Get("Sec-Fetch-Dest")
	if !isNavigation(r) || dest != "" && dest != "document" || r.Header.Get("Range") != "" {
		return w, func() {}
	}
	r.Header.Del("Accept-Encoding")
	i := &injector{
		ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, head: r.Method == http.MethodHead,
		origin: x.site.origin, tag: "\n<script src=\"" + x.site.origin.String() + ui.PathSessionScript + "\" defer></script>\n", length: -1,
	}
	return i, i.finish
}

// WriteHeader decides whether the answer gets the script, and says so in the
// header. An entity tag becomes a weak one: the bytes are not those that the
// application has named with it (RFC 9110, section 8.8.1), but it may be asked
// about all the same. Parts of an answer can be asked of the application alone, so
// that a browser must not go on with one that broke off (section 14.3).
func (i *injector) WriteHeader(status int) {
	h := i.Header()
	if !i.begun && status == http.StatusOK && takesScript(h, i.origin) {
		i.adds = true
		if n, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64); err == nil {
			i.length = n
			h.Set("Content-Length", strconv.FormatInt(n+int64(len(i.tag)), 10))
		}
		if tag := h.Get("ETag"); strings.HasPrefix(tag, `"`) {
			h.Set("ETag", "W/"+tag)
		}
		h.Set("Accept-Ranges", "none")
	}
	i.begun = i.begun || status == http.StatusSwitchingProtocols || status >= http.StatusOK
	i.ResponseWriter.WriteHeader(status)
}

// takesScript tells from its header whether an answer is a page that the script
// can stand in, which comes from origin o. An application may say that its answer
// is to be left as it is (no-transform, RFC 9111, section 5.2.2.6).
func takesScript(h http.Header, o origin) bool {
	mediaType, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || mediaType != "text/html" || !isLikeASCII(parameters["charset"]) {
		return false
	}
	for _, name := range []string{"Content-Encoding", "Content-Range", "Trailer", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Signature"} {
		if h.Get(name) != "" {
			return false
		}
	}
	if containsFold(strings.Join(h.Values("Cache-Control"), ","), "no-transform") {
		return false
	}
	if disposition, _, _ := strings.Cut(h.Get("Content-Disposition"), ";"); disposition != "" && !strings.EqualFold(strings.TrimSpace(disposition), "inline") {
		return false
	}
	policies := strings.Split(strings.Join(h.Values("Content-Security-Policy"), ","), ",")
	for _, policy := range policies {
		if !policyAllows(policy, o, "script-src-elem", "script-src", "default-src") || !policyAllows(policy, o, "connect-src", "default-src") {
			return false
		}
	}
	return true
}

// isLikeASCII tells whether the script's element is written in an encoding as in
// ASCII. Without a name it nearly always is: the others have marks of their own.
func isLikeASCII(charset string) bool {
	charset = strings.ToLower(charset)
	for _, prefix := range []string{"utf-8", "us-ascii", "iso-8859-", "windows-125", "latin"} {
		if strings.HasPrefix(charset, prefix) {
			return true
		}
	}
	return charset == ""
}

// policyAllows tells whether a Content-Security-Policy lets a page load what comes
// from its own origin o, by the first of the directives that it has (CSP level 3,
// section 6.8.3). A page in a sandbox runs scripts only where it may, and is of its
// origin only where it says so.
func policyAllows(policy string, o origin, directives ...string) bool {
	has := make(map[string][]string)
	for directive := range strings.SplitSeq(policy, ";") {
		words := strings.Fields(strings.ToLower(directive))
		if len(words) > 0 && has[words[0]] == nil {
			has[words[0]] = append([]string{""}, words[1:]...)
		}
	}
	if sandbox := has["sandbox"]; sandbox != nil && !(slices.Contains(sandbox, "allow-scripts") && slices.Contains(sandbox, "allow-same-origin")) {
		return false
	}
	own := []string{"'self'", "*", o.String(), o.host, o.scheme + ":"}
	isOwn := func(source string) bool { return slices.Contains(own, source) }
	for _, name := range directives {
		if sources := has[name]; sources != nil {
			return slices.ContainsFunc(sources, isOwn) && !slices.Contains(sources, "'strict-dynamic'")
		}
	}
	return true
}

func (i *injector) begin() {
	if !i.begun {
		i.WriteHeader(http.StatusOK)
	}
}

// Write writes to the client.
func (i *injector) Write(p []byte) (int, error) {
	i.begin()
	n, err := i.ResponseWriter.Write(p)
	i.sent += int64(n)
	return n, err
}

// ReadFrom writes to the client what r gives.
func (i *injector) ReadFrom(r io.Reader) (int64, error) {
	i.begin()
	n, err := i.ResponseWriterWrapper.ReadFrom(r)
	i.sent += n
	return n, err
}

// FlushError sends what is still in buffers.
func (i *injector) FlushError() error {
	i.begin()
	return http.NewResponseController(i.ResponseWriter).Flush()
}

// finish puts the script behind the page, if it has come to its end.
func (i *injector) finish() {
	if i.adds && !i.head && (i.length < 0 || i.length == i.sent) {
		_, _ = io.WriteString(i.ResponseWriter, i.tag)
	}
}

// Interface guards.
var _ io.ReaderFrom = (*injector)(nil)
