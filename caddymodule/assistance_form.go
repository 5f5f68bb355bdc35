package caddymodule

import (
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/sesame-gateway/sesame/authcore"
	"github.com/sesame-gateway/sesame/authcore/screenshot"
	"github.com/sesame-gateway/sesame/ui"
)

// The bounds of the form of a request, which comes as multipart/form-data (RFC 7578).
// Of a body no more is kept than the texts and three pictures; the rest is read to
// tell people what is too much, with all that they typed still there.
const (
	maxRequestBody  = 64 << 20
	maxRequestText  = 2 * authcore.MaxDescription // of one field: a little too much is shown again
	maxRequestParts = 64
	maxPartHead     = 16 << 10 // of what a part says of itself, and what is read ahead of it
)

// requestFields are the fields that somebody types, by their names.
var requestFields = map[string]authcore.RequestField{
	ui.FieldSurname: authcore.RequestSurname, ui.FieldGivenName: authcore.RequestGivenName, ui.FieldFunction: authcore.RequestFunction,
	ui.FieldEstablishment: authcore.RequestEstablishment, ui.FieldEmail: authcore.RequestEmail, ui.FieldPhone: authcore.RequestPhone,
	ui.FieldHours: authcore.RequestHours, ui.FieldSubject: authcore.RequestSubject, ui.FieldDescription: authcore.RequestDescription,
	ui.FieldKey: authcore.RequestKeyNumber, ui.FieldAccounts: authcore.RequestAccounts, ui.FieldRefusal: authcore.RequestRefusal,
	ui.FieldMet: authcore.RequestMet, ui.FieldApplication: authcore.RequestApplication,
}

// sentRequest is the form of a request as it was sent.
type sentRequest struct {
	csrf, form string
	typed      ui.RequestForm
	files      [][]byte // as many as are allowed, each to the byte that is one too many
	pictures   int      // that came
}

// request is what was typed, for the gate.
func (s sentRequest) request() (r authcore.Request) {
	for name, field := range requestFields {
		*r.Text(field) = *s.typed.Text(name)
	}
	return r
}

// unwantedRequest says why a request is refused before it is read, or nothing.
func (x *exchange) unwantedRequest() (*problem, error) {
	if err := sameOrigin.Check(x.r); err != nil {
		return &crossSite, err
	}
	mediaType, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	switch {
	case err != nil:
		return &wrongType, err
	case mediaType != "multipart/form-data" || x.r.Header.Get("Content-Encoding") != "":
		return &wrongType, nil
	case x.r.ContentLength > maxRequestBody:
		return &tooLarge, nil
	}
	return nil, nil
}

// requestForm reads the form of a request, or says why it is none.
func (x *exchange) requestForm() (sentRequest, *problem, error) {
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Now().Add(keepTime))
	_, parameters, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	s, err := readRequest(http.MaxBytesReader(x.w, x.r.Body, maxRequestBody), parameters["boundary"])
	switch large := new(http.MaxBytesError); {
	case errors.As(err, &large), errors.Is(err, errLongField):
		return s, &tooLarge, nil
	case err != nil:
		return s, &badRequest, err
	}
	return s, nil, nil
}

var (
	errLongField  = errors.New("a field of the form is too long to be shown again")
	errOddRequest = errors.New("this is not the form of a request: a field is unknown, comes twice, says too much of itself, or there are too many")
)

// readRequest reads the form. What a part says of itself but its field's name, such as
// the name of a file and its type, is not looked at.
func readRequest(body io.Reader, boundary string) (s sentRequest, err error) {
	if boundary == "" {
		return s, errOddRequest
	}
	bounded := &headReader{Reader: body}
	parts, seen := multipart.NewReader(bounded, boundary), make(map[string]bool)
	for n := 0; ; n++ {
		bounded.left = maxPartHead
		part, err := parts.NextRawPart()
		bounded.left = math.MaxInt
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		name := part.FormName()
		if n == maxRequestParts || seen[name] {
			return s, errOddRequest
		}
		if name == ui.FieldScreenshot {
			err = s.takeFile(part)
		} else {
			seen[name] = true
			err = s.takeText(part, name)
		}
		if err == nil {
			_, err = io.Copy(io.Discard, part)
		}
		if err != nil {
			return s, err
		}
	}
}

// headReader reads no more than what is left: of the head of a part mime/multipart
// would keep 10 MiB.
type headReader struct {
	io.Reader
	left int
}

func (r *headReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, errOddRequest
	}
	n, err := r.Reader.Read(p[:min(len(p), r.left)])
	r.left -= n
	return n, err
}

// takeFile takes a picture, if there is room for it. An input for files that holds
// none is sent as an empty one.
func (s *sentRequest) takeFile(part io.Reader) error {
	keep := int64(screenshot.MaxFile + 1)
	if s.pictures >= authcore.MaxScreenshots {
		keep = 1
	}
	file, err := io.ReadAll(io.LimitReader(part, keep))
	if len(file) == 0 {
		return err
	}
	if s.pictures++; s.pictures <= authcore.MaxScreenshots {
		s.files = append(s.files, file)
	}
	return err
}

// takeText takes a field that is typed, or hidden.
func (s *sentRequest) takeText(part io.Reader, name string) error {
	to := s.typed.Text(name)
	switch name {
	case ui.FieldCSRF:
		to = &s.csrf
	case ui.FieldForm:
		to = &s.form
	}
	if to == nil {
		return errOddRequest
	}
	text, err := io.ReadAll(io.LimitReader(part, maxRequestText+1))
	if len(text) > maxRequestText {
		return errLongField
	}
	*to = string(text)
	return err
}

// uploads is who sends a request at this moment. Each may hold 16 MB of memory.
var uploads = &doors{total: 8, each: 3, inside: make(map[netip.Prefix]int)}

// doors lets in so many at once, and so many of one network.
type doors struct {
	total, each int
	mu          sync.Mutex
	inside      map[netip.Prefix]int
	count       int
}

// enter lets somebody in, or not; leave is to be called once.
func (d *doors) enter(from netip.Addr) (leave func(), ok bool) {
	network := neighbours(from)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count >= d.total || d.inside[network] >= d.each {
		return nil, false
	}
	d.count++
	d.inside[network]++
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.count--
		if d.inside[network]--; d.inside[network] == 0 {
			delete(d.inside, network)
		}
	}, true
}

// neighbours is the network of one subscriber: an address of IPv4, the first 64 bits
// of IPv6 (RFC 6177).
func neighbours(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // the zero prefix for who has no address
	return p
}
