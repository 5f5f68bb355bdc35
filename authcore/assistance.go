package authcore

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sesame-gateway/sesame/authcore/screenshot"
)

// A request for assistance is what somebody writes to the people who help, logged in
// or not. What they typed is kept as they typed it, whoever they say they are: only
// Holder and, with it, UAI are what the gate knows.

// The bounds of a request.
const (
	// MaxRequestText is how long each field but the description may be, in characters.
	MaxRequestText = 200
	// MaxDescription is how long the description may be, in bytes of UTF-8.
	MaxDescription = 128 << 10
	// MaxScreenshots is how many pictures may come with it.
	MaxScreenshots = 3
)

// Request is a request for assistance.
type Request struct {
	Surname       string
	GivenName     string
	Function      string
	Establishment string // school or service, as typed
	Email         string
	Phone         string
	Hours         string // when to call back
	Subject       string
	Description   string // with the messages met
	Accounts      string // the accounts concerned
	KeyNumber     string // what they can read of it
	Refusal       string // the reference of the refusal that it is about
	Met           string // when that was, as it is read
	Application   string // the name of the one that they wanted

	// Screenshots come from a Request that is read one by one: see Gate.Screenshot.
	Screenshots []screenshot.Image

	// Holder is who was logged in; "" for nobody.
	Holder Identifier
	// UAI is the holder's establishment; else the one that was typed, if it is a UAI.
	UAI string
	// Reference is the request's own.
	Reference Reference
	// Pictures is how many screenshots are kept with it.
	Pictures int
	Sent     time.Time
	Until    time.Time // the first moment at which it is gone
}

// RequestField is a field of a request that somebody types. The zero value is
// invalid.
type RequestField uint8

// The fields, and their words.
const (
	RequestSurname       RequestField = iota + 1 // "surname"
	RequestGivenName                             // "given-name"
	RequestFunction                              // "function"
	RequestEstablishment                         // "establishment"
	RequestEmail                                 // "email"
	RequestPhone                                 // "phone"
	RequestHours                                 // "hours"
	RequestSubject                               // "subject"
	RequestDescription                           // "description"
	RequestAccounts                              // "accounts"
	RequestKeyNumber                             // "key"
	RequestRefusal                               // "reference"
	RequestMet                                   // "met"
	RequestApplication                           // "application"
)

var requestFieldNames = words[RequestField]{what: "field of a request", names: []string{"",
	"surname", "given-name", "function", "establishment", "email", "phone", "hours", "subject", "description", "accounts", "key", "reference", "met", "application"}}

// String gives the field's word.
func (f RequestField) String() string { return requestFieldNames.name(f) }

// MarshalText gives the field's word; an unknown field is an error.
func (f RequestField) MarshalText() ([]byte, error) { return requestFieldNames.marshal(f) }

// UnmarshalText reads a field's word; anything else is an error.
func (f *RequestField) UnmarshalText(b []byte) error { return requestFieldNames.unmarshal(f, b) }

// RequestFields lists all fields, in the order of the form.
func RequestFields() []RequestField {
	all := make([]RequestField, 0, len(requestFieldNames.names)-1)
	for f := RequestSurname; int(f) < len(requestFieldNames.names); f++ {
		all = append(all, f)
	}
	return all
}

// Text returns what was typed into a field.
func (r *Request) Text(f RequestField) *string {
	return map[RequestField]*string{
		RequestSurname: &r.Surname, RequestGivenName: &r.GivenName, RequestFunction: &r.Function, RequestEstablishment: &r.Establishment,
		RequestEmail: &r.Email, RequestPhone: &r.Phone, RequestHours: &r.Hours, RequestSubject: &r.Subject, RequestDescription: &r.Description,
		RequestAccounts: &r.Accounts, RequestKeyNumber: &r.KeyNumber, RequestRefusal: &r.Refusal, RequestMet: &r.Met, RequestApplication: &r.Application,
	}[f]
}

// RequestProblem is what is wrong with a field. The zero value is that nothing is.
type RequestProblem uint8

// The problems, and their words.
const (
	RequestMissing   RequestProblem = iota + 1 // "missing"
	RequestTooLong                             // "too-long"
	RequestMalformed                           // "malformed": no address looks like this
	RequestNoText                              // "no-text": not UTF-8
)

var requestProblemNames = words[RequestProblem]{what: "problem of a request", names: []string{"", "missing", "too-long", "malformed", "no-text"}}

// String gives the problem's word.
func (p RequestProblem) String() string { return requestProblemNames.name(p) }

// MarshalText gives the problem's word; an unknown problem is an error.
func (p RequestProblem) MarshalText() ([]byte, error) { return requestProblemNames.marshal(p) }

// UnmarshalText reads a problem's word; anything else is an error.
func (p *RequestProblem) UnmarshalText(b []byte) error {
	return requestProblemNames.unmarshal(p, b)
}

// needed are the fields that nobody can be helped without. One of e-mail address and
// telephone number is needed too.
var needed = map[RequestField]bool{RequestSurname: true, RequestGivenName: true, RequestSubject: true, RequestDescription: true}

// Problems says what is wrong with each field; empty for a request that may be sent.
func (r Request) Problems() map[RequestField]RequestProblem {
	found := make(map[RequestField]RequestProblem)
	for _, f := range RequestFields() {
		if p := r.problem(f); p != 0 {
			found[f] = p
		}
	}
	if blank(r.Email) && blank(r.Phone) {
		found[RequestEmail], found[RequestPhone] = RequestMissing, RequestMissing
	}
	return found
}

func (r Request) problem(f RequestField) RequestProblem {
	text := *r.Text(f)
	switch {
	case !utf8.ValidString(text):
		return RequestNoText
	case needed[f] && blank(text):
		return RequestMissing
	case f == RequestDescription && len(text) > MaxDescription,
		f != RequestDescription && utf8.RuneCountInString(text) > MaxRequestText:
		return RequestTooLong
	case f == RequestEmail && !blank(text) && !ReplyAddress(text):
		return RequestMalformed
	}
	return 0
}

// blank reports whether nothing can be seen of a text.
func blank(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
}

// ReplyAddress reports whether a text is one plain e-mail address, such as a mail's
// header takes: a local part of RFC 5322 section 3.2.3 (dot-atom), and a host name
// with a dot. It has no comments, no quotes, no display name, nothing to hide in.
func ReplyAddress(text string) bool {
	local, domain, ok := strings.Cut(text, "@")
	if !ok || len(text) > 254 || len(local) > 64 || !strings.Contains(domain, ".") {
		return false
	}
	const marks = "!#$%&'*+-/=?^_`{|}~"
	return dotted(local, func(r rune) bool { return letter(r) || strings.ContainsRune(marks, r) }) &&
		dotted(domain, func(r rune) bool { return letter(r) || r == '-' })
}

// letter reports whether a character is a letter of ASCII or a digit.
func letter(r rune) bool {
	return r < utf8.RuneSelf && alphanumeric(byte(r))
}

// dotted reports whether a text is words between dots, none of them empty.
func dotted(text string, takes func(rune) bool) bool {
	for word := range strings.SplitSeq(text, ".") {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool { return !takes(r) }) {
			return false
		}
	}
	return true
}

// typedUAI is the first UAI in a text, in upper case, or "".
func typedUAI(text string) string {
	for word := range strings.FieldsFuncSeq(strings.ToUpper(text), func(r rune) bool { return !letter(r) }) {
		if ValidUAI(word) {
			return word
		}
	}
	return ""
}

// complete checks a request once more: whoever asks the gate for help has looked at
// its Problems before.
func (r Request) complete() error {
	for _, f := range RequestFields() {
		if p, wrong := r.Problems()[f]; wrong {
			return fmt.Errorf("the field %s of the request: %s", f, p)
		}
	}
	if len(r.Screenshots) > MaxScreenshots {
		return fmt.Errorf("a request has %d screenshots at most", MaxScreenshots)
	}
	for _, s := range r.Screenshots {
		if s.Type() == "" || len(s.Bytes()) > screenshot.MaxClean {
			return errors.New("a screenshot of the request was not made by screenshot.Clean")
		}
	}
	return nil
}
