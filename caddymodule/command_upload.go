package caddymodule

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"

	"golang.org/x/term"
)

// upload is a supplier's file to send, with what opens it.
type upload struct {
	open          func() (io.ReadCloser, error)
	password, key []byte // nil if there is none
}

// content gives the body: the file as it is, or a form in which its secrets come
// first. The file is not read here.
func (u *upload) content(header http.Header) (io.ReadCloser, error) {
	file, err := u.open()
	if err != nil {
		return nil, err
	}
	if u.password == nil && u.key == nil {
		header.Set("Content-Type", "application/octet-stream")
		return file, nil
	}
	var head bytes.Buffer
	form := multipart.NewWriter(&head)
	for _, part := range []struct {
		name  string
		value []byte
	}{{passwordPart, u.password}, {keyPart, u.key}} {
		if part.value != nil {
			_ = form.WriteField(part.name, string(part.value)) // a Buffer takes all
		}
	}
	_, _ = form.CreateFormFile(filePart, filePart)
	header.Set("Content-Type", form.FormDataContentType())
	tail := fmt.Sprintf("\r\n--%s--\r\n", form.Boundary())
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&head, file, bytes.NewBufferString(tail)), file}, nil
}

// stepLine shows on a terminal how far something is, over and over on one
// line; elsewhere on a line each.
type stepLine struct {
	out   io.Writer
	start string // of each line
	shown bool
}

func newStepLine(out io.Writer) *stepLine {
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &stepLine{out: out, start: "\r\x1b[K"}
	}
	return &stepLine{out: out}
}

func (l *stepLine) step(s importStep) {
	text := count(s.Read, "key", "keys") + " read"
	if s.Of > 0 {
		text = fmt.Sprintf("%d of %s written", s.Written, count(s.Of, "key", "keys"))
	}
	l.shown = true
	if l.start == "" {
		text += "\n"
	}
	fmt.Fprint(l.out, l.start, text)
}

// end leaves a terminal's line as it was.
func (l *stepLine) end() {
	if l.shown {
		fmt.Fprint(l.out, l.start)
	}
}
