package ui

import (
	"fmt"
	"html/template"
	"text/template/parse"
)

// Texts returns the texts of a language by their keys.
func Texts(l Lang) (map[string]string, error) {
	c, err := readCatalogue(l)
	return c.texts, err
}

// NewWithTexts is New with every text replaced by what rewrite makes of it.
func NewWithTexts(rewrite func(key, text string) string) (*Renderer, error) {
	var catalogues []catalogue
	for _, lang := range Langs() {
		c, err := readCatalogue(lang)
		if err != nil {
			return nil, err
		}
		for key, text := range c.texts {
			c.texts[key] = rewrite(key, text)
		}
		catalogues = append(catalogues, c)
	}
	return newRenderer(catalogues)
}

// NewMarked is New with every template, and every branch of one, marked by its
// name and place; mark is told each that the making of a page takes.
func NewMarked(mark func(branch string)) (r *Renderer, branches map[string]bool, err error) {
	if r, err = New(); err != nil {
		return nil, nil, err
	}
	m := marker{make(map[string]bool), template.FuncMap{"mark": func(branch string) string { mark(branch); return "" }}}
	for _, pages := range r.templates {
		for _, page := range pages {
			page.Funcs(m.funcs)
			for _, t := range page.Templates() {
				if t.Tree != nil && t.Name() != t.Tree.ParseName { // which is all that stands between the definitions
					m.list(t.Tree, t.Tree.Root, t.Tree.ParseName+": "+t.Name())
				}
			}
		}
	}
	return r, m.branches, nil
}

type marker struct {
	branches map[string]bool
	funcs    template.FuncMap
}

// list puts a mark before a list of nodes, and into the lists below. The mark is an
// assignment, which prints nothing and stands anywhere.
func (m marker) list(tree *parse.Tree, l *parse.ListNode, branch string) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		place, _ := tree.ErrorContext(n)
		switch n := n.(type) {
		case *parse.IfNode:
			m.list(tree, n.List, place+": if")
			m.list(tree, n.ElseList, place+": else")
		case *parse.WithNode:
			m.list(tree, n.List, place+": with")
			m.list(tree, n.ElseList, place+": else")
		case *parse.RangeNode:
			m.list(tree, n.List, place+": range")
			m.list(tree, n.ElseList, place+": else")
		}
	}
	m.branches[branch] = true
	mark := template.Must(template.New("").Funcs(m.funcs).Parse(fmt.Sprintf("{{$mark := mark %q}}", branch)))
	l.Nodes = append([]parse.Node{mark.Tree.Root.Nodes[0]}, l.Nodes...)
}
