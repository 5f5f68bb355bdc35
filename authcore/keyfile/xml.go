package keyfile

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// The bounds of an XML file. One that exceeds a bound is refused as a whole.
const (
	maxToken    = 64 << 10  // bytes of a tag, a text or a comment
	maxElement  = 256 << 10 // bytes of a child of the root: one key, or what stands before the keys
	maxElements = 4096      // elements in it
	maxDepth    = 32        // elements in one another
)

// xmlFile reads an XML file child by child of its root. It has no document type
// and hence no entities, is bounded in every dimension, and takes no more memory
// than its largest child.
type xmlFile struct {
	d     *xml.Decoder
	guard *guard
	left  int // elements that may still come in this child
}

// element is an element with all that is in it.
type element struct {
	name     xml.Name
	attrs    []xml.Attr
	line     int    // on which it begins
	text     string // the character data directly in it
	children []*element
}

func newXMLFile(in *bufio.Reader) *xmlFile {
	g := &guard{in: in}
	x := &xmlFile{d: xml.NewDecoder(g), guard: g}
	x.d.CharsetReader = charset
	return x
}

// charset reads the encodings that a declaration may name. UTF-16 has become
// UTF-8 before, whatever the declaration says.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-16", "utf-16le", "utf-16be", "us-ascii":
		return in, nil
	case "iso-8859-1", "windows-1252":
		return charmap.Windows1252.NewDecoder().Reader(in), nil
	}
	return nil, errors.New("unknown encoding")
}

// guard gives the bytes of one token and fails with errToken behind maxToken.
// encoding/xml keeps a whole token in memory, however long it is.
type guard struct {
	in   *bufio.Reader
	left int
}

var errToken = fmt.Errorf("a tag or a text is longer than %d bytes: no key file needs that much", maxToken)

func (g *guard) ReadByte() (byte, error) {
	if g.left--; g.left < 0 {
		return 0, errToken
	}
	return g.in.ReadByte()
}

func (g *guard) Read(p []byte) (int, error) {
	if len(p) > g.left {
		p = p[:max(g.left, 0)]
	}
	if len(p) == 0 {
		return 0, errToken
	}
	n, err := g.in.Read(p)
	g.left -= n
	return n, err
}

// token gives the next tag or text and the line on which it begins; io.EOF
// behind the root.
func (x *xmlFile) token() (xml.Token, int, error) {
	for {
		x.guard.left = maxToken
		line, _ := x.d.InputPos()
		token, err := x.d.Token()
		if err != nil {
			return nil, line, x.sentence(line, err)
		}
		switch token.(type) {
		case xml.Directive:
			return nil, line, fmt.Errorf("line %d: the file has a document type (<!DOCTYPE …>) or entities: no key file needs them, and they are not read", line)
		case xml.ProcInst, xml.Comment:
		default:
			return token, line, nil
		}
	}
}

// sentence turns an error of encoding/xml into ours. Its own text may hold
// parts of the file.
func (x *xmlFile) sentence(line int, err error) error {
	var syntax *xml.SyntaxError
	switch {
	case err == io.EOF, errors.Is(err, ErrTooLarge):
		return err
	case errors.Is(err, errToken):
		return fmt.Errorf("line %d: %w", line, errToken)
	case errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF"):
		return fmt.Errorf("line %d: the file ends in the middle: it is not whole", syntax.Line)
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: the XML is not well-formed here", syntax.Line)
	case strings.HasPrefix(err.Error(), "xml: "):
		return fmt.Errorf("line %d: the XML declares an encoding or a version that is not read", line)
	}
	return err
}

// root gives the root without what is in it.
func (x *xmlFile) root() (*element, error) {
	for {
		token, line, err := x.token()
		if err == io.EOF {
			return nil, ErrEmpty
		}
		if err != nil {
			return nil, err
		}
		if start, ok := token.(xml.StartElement); ok {
			return &element{name: start.Name, attrs: start.Attr, line: line}, nil
		}
	}
}

// child gives the next child of the root, io.EOF behind the last.
func (x *xmlFile) child() (*element, error) {
	for {
		token, line, err := x.token()
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			x.left = maxElements
			return x.element(t, line, 1, x.d.InputOffset())
		case xml.EndElement:
			return nil, x.end()
		}
	}
}

// end checks that nothing stands behind the root, and gives io.EOF.
func (x *xmlFile) end() error {
	for {
		token, line, err := x.token()
		if err != nil {
			return err
		}
		if text, ok := token.(xml.CharData); !ok || len(bytes.TrimSpace(text)) > 0 {
			return fmt.Errorf("line %d: there is more behind the end of the document", line)
		}
	}
}

// element reads what is in an element up to its end; from is where the child of
// the root began that it is in.
func (x *xmlFile) element(start xml.StartElement, line, depth int, from int64) (*element, error) {
	if x.left--; x.left < 0 || depth > maxDepth {
		return nil, fmt.Errorf("line %d: more elements are in one another than any key file needs", line)
	}
	e := &element{name: start.Name, attrs: start.Attr, line: line}
	var text strings.Builder
	for {
		token, line, err := x.token()
		if err != nil {
			return nil, err
		}
		if x.d.InputOffset()-from > maxElement {
			return nil, fmt.Errorf("line %d: one element is larger than %d KiB: no key needs that much", e.line, maxElement>>10)
		}
		switch t := token.(type) {
		case xml.StartElement:
			child, err := x.element(t, line, depth+1, from)
			if err != nil {
				return nil, err
			}
			e.children = append(e.children, child)
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			e.text = text.String()
			return e, nil
		}
	}
}

// attr gives an attribute without a namespace, "" if there is none or e is nil.
func (e *element) attr(name string) string {
	if e == nil {
		return ""
	}
	for _, a := range e.attrs {
		if a.Name.Space == "" && a.Name.Local == name {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// find gives the element at a path of local names below e, the first of each
// name; nil if there is none, or if e is nil.
func (e *element) find(path ...string) *element {
	for _, name := range path {
		if e == nil {
			return nil
		}
		var next *element
		for _, child := range e.children {
			if child.name.Local == name {
				next = child
				break
			}
		}
		e = next
	}
	return e
}

// value gives the text at a path below e without the white space around it, ""
// if there is none.
func (e *element) value(path ...string) string {
	if e = e.find(path...); e == nil {
		return ""
	}
	return strings.TrimSpace(e.text)
}

// all gives the children of one local name.
func (e *element) all(name string) []*element {
	var found []*element
	for _, child := range e.children {
		if child.name.Local == name {
			found = append(found, child)
		}
	}
	return found
}

// isXML tells whether a text is XML from its first character that is no white
// space.
func isXML(in *bufio.Reader) bool {
	head, _ := in.Peek(in.Size())
	return bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("<"))
}

// xmlFormats tells the format of an XML file from the name of its root.
var xmlFormats = map[string]Format{"Tokens": SafeNet, "TKNBatch": SDTID, "KeyContainer": PSKC}

// readXML reads the formats that are XML.
func readXML(in *bufio.Reader, o Options, k *sink) error {
	x := newXMLFile(in)
	root, err := x.root()
	if err != nil {
		return err
	}
	f, known := xmlFormats[root.name.Local]
	switch {
	case !known:
		return fmt.Errorf("line %d: %w", root.line, ErrUnrecognised)
	case o.Format != Auto && o.Format != f:
		return fmt.Errorf("line %d: this is a file of the format %v, not %v", root.line, f, o.Format)
	}
	switch f {
	case PSKC:
		return x.readPSKC(root, o, k)
	case SDTID:
		return x.readSDTID(o, k)
	}
	return x.readSafeNet(o, k)
}
