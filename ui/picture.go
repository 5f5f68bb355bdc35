package ui

import (
	"bytes"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// picture shows the form of a page as a thing to look at: the page's own
// template, with nothing left in it that could be typed into, followed, or named
// twice in one document.
func (r *Renderer) picture(f Frame, p Page) (template.HTML, error) {
	s, err := r.screen(f, p)
	if err != nil {
		return "", err
	}
	var page bytes.Buffer
	if err := r.templates[f.Lang][s.Name].ExecuteTemplate(&page, "content", s); err != nil {
		return "", fmt.Errorf("render a picture of the page %s: %w", s.Name, err)
	}
	body := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	nodes, err := html.ParseFragment(&page, body)
	if err != nil {
		return "", fmt.Errorf("read the page %s: %w", s.Name, err)
	}
	i := slices.IndexFunc(nodes, func(n *html.Node) bool { return n.Type == html.ElementNode && class(n) == "card" })
	if i < 0 {
		return "", fmt.Errorf("the page %s has no card to make a picture of", s.Name)
	}
	still(nodes[i])
	var out bytes.Buffer
	if err := html.Render(&out, nodes[i]); err != nil {
		return "", fmt.Errorf("write a picture of the page %s: %w", s.Name, err)
	}
	return template.HTML(out.String()), nil //nolint:gosec // our own template, escaped by html/template
}

// pictured are the attributes that a picture keeps: how a thing looks, not what
// it does or is called.
var pictured = []string{"class", "hidden", "viewBox", "width", "height", "x", "y", "rx", "cx", "cy", "r", "d", "transform"}

// still makes of an element and all below it what only looks like them.
func still(n *html.Node) {
	for child := n.FirstChild; child != nil; {
		next := child.NextSibling
		if child.Type == html.ElementNode && unseen(child) {
			n.RemoveChild(child)
		} else {
			still(child)
		}
		child = next
	}
	if n.Type != html.ElementNode {
		return
	}
	switch n.DataAtom {
	case atom.Input:
		n.AppendChild(&html.Node{Type: html.TextNode, Data: filledIn(n)})
		rename(n, atom.Span)
	case atom.H1, atom.Label:
		n.Attr = append(n.Attr, html.Attribute{Key: "class", Val: "as-" + n.Data})
		rename(n, atom.P)
	case atom.Form:
		n.Attr = append(n.Attr, html.Attribute{Key: "class", Val: "as-form"})
		rename(n, atom.Div)
	case atom.Button:
		rename(n, atom.Span)
	default: // only looks like what it is
	}
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return !slices.Contains(pictured, a.Key) })
}

func rename(n *html.Node, to atom.Atom) { n.DataAtom, n.Data = to, to.String() }

// unseen reports whether a page does not show an element before its script runs,
// or shows a way out of the login with it, which nobody needs on paper.
func unseen(n *html.Node) bool {
	return attribute(n, "type") == "hidden" || class(n) == "unseen" || class(n) == "after" ||
		slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "hidden" })
}

// filledIn is what a field of a picture shows: the identifier, or dots.
func filledIn(n *html.Node) string {
	if attribute(n, "name") == FieldIdentifier {
		return attribute(n, "value")
	}
	return "••••••"
}

func class(n *html.Node) string { return attribute(n, "class") }

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// sheetStyle is the pages' style as it is on a bright screen, and the sheet's own
// behind it: on paper the pictures must not look as the pages do on paper.
var sheetStyle = newSheetStyle()

func newSheetStyle() template.CSS {
	pages, err := assets.ReadFile("static/sesame.css")
	if err != nil {
		panic(fmt.Sprintf("ui: the embedded style sheet cannot be read: %v", err))
	}
	style := withoutMedia(string(pages), "(prefers-color-scheme: dark)", "(forced-colors: active)", "print")
	return template.CSS(style + "\n" + sheetCSS) //nolint:gosec // our own files
}

// withoutMedia drops the blocks of a style sheet that hold for one of the media
// queries named.
func withoutMedia(css string, queries ...string) string {
	for _, q := range queries {
		head, rest, found := strings.Cut(css, "@media "+q+" {")
		if !found {
			panic("ui: the style sheet has no block for " + q)
		}
		depth := 1
		end := strings.IndexFunc(rest, func(c rune) bool {
			switch c {
			case '{':
				depth++
			case '}':
				depth--
			}
			return depth == 0
		})
		css = head + rest[end+1:]
	}
	return css
}
