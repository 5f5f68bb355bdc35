package caddymodule

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/sesame-gateway/sesame/authcore/keyfile"
)

// The names of a form's parts, in the order in which they may come: what opens
// the file goes before it, since the file is read as it arrives. No secret
// belongs into a header or an address, both of which servers log.
const (
	passwordPart = "password"
	keyPart      = "pre_shared_key"
	filePart     = "file"
)

const (
	maxImportSecret = 4 << 10  // bytes
	maxImportForm   = 64 << 10 // bytes of a form beside its file
)

// importFile is a supplier's file within a request's body.
type importFile struct {
	io.Reader
	form *multipart.Reader // nil where the body is the file
}

// end checks that nothing comes behind the file that would not be looked at.
func (f importFile) end() error {
	if f.form == nil {
		return nil
	}
	if _, err := f.form.NextRawPart(); !errors.Is(err, io.EOF) {
		return adminRefusal(http.StatusBadRequest, "nothing was imported: the form does not end behind its file, which is its last part")
	}
	return nil
}

// importFile finds the file in the body, which is that file or a form with it,
// and puts what a form has to open it into o.
func (c *adminCall) importFile(o *keyfile.Options) (importFile, error) {
	t, parameters, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	switch {
	case err == nil && t == "multipart/form-data" && parameters["boundary"] != "":
		return openForm(multipart.NewReader(c.Body, parameters["boundary"]), o)
	case err == nil && (t == "text/csv" || t == "application/octet-stream"):
		return importFile{Reader: c.Body}, nil
	}
	return importFile{}, adminRefusal(http.StatusUnsupportedMediaType, "the body is the supplier's file as it is, with the header Content-Type: text/csv or application/octet-stream; or a form (multipart/form-data) of the parts %s, %s and %s, in this order",
		passwordPart, keyPart, filePart)
}

// openForm reads a form up to its file.
func openForm(form *multipart.Reader, o *keyfile.Options) (importFile, error) {
	for {
		part, err := form.NextRawPart()
		if err != nil {
			return importFile{}, adminRefusal(http.StatusBadRequest, "the form has no part %s, or did not arrive whole", filePart)
		}
		switch name := part.FormName(); {
		case name == filePart:
			return importFile{Reader: part, form: form}, nil
		case name == passwordPart && o.Password == nil:
			err = readPassword(part, o)
		case name == keyPart && o.PreSharedKey == nil:
			err = readKey(part, o)
		default:
			err = adminRefusal(http.StatusBadRequest, "the form has a part that is not known, or comes twice: there are %s, %s and %s", passwordPart, keyPart, filePart)
		}
		if err != nil {
			return importFile{}, err
		}
	}
}

func readPassword(part io.Reader, o *keyfile.Options) error {
	password, err := readSecret(part, passwordPart)
	o.Password = func() ([]byte, error) { return password, nil }
	return err
}

func readKey(part io.Reader, o *keyfile.Options) error {
	text, err := readSecret(part, keyPart)
	if err != nil {
		return err
	}
	key, err := keyfile.ParsePreSharedKey(string(bytes.TrimSpace(text)))
	if err != nil {
		return adminRefusal(http.StatusBadRequest, "the part %s: %w", keyPart, err)
	}
	o.PreSharedKey = func() ([]byte, error) { return key, nil }
	return nil
}

func readSecret(part io.Reader, name string) ([]byte, error) {
	secret, err := io.ReadAll(io.LimitReader(part, maxImportSecret+1))
	switch {
	case err != nil:
		return nil, adminRefusal(http.StatusBadRequest, "the form did not arrive whole")
	case len(secret) == 0:
		return nil, adminRefusal(http.StatusBadRequest, "the part %s is empty", name)
	case len(secret) > maxImportSecret:
		return nil, adminRefusal(http.StatusBadRequest, "the part %s is longer than %d bytes", name, maxImportSecret)
	}
	return secret, nil
}
