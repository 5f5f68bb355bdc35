package ui

import (
	"embed"
	"fmt"
	"html/template"
	"path"
	"strings"
	"text/template/parse"
)

//go:embed templates/*.html
var templateFiles embed.FS

// parseTemplates returns one template set a page, by the page's name.
func parseTemplates(c catalogue) (map[string]*template.Template, error) {
	base, err := template.New("").Funcs(functions(c)).ParseFS(templateFiles, "templates/_*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the templates: %w", err)
	}
	names, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("list the templates: %w", err)
	}
	pages := make(map[string]*template.Template)
	for _, entry := range names {
		if strings.HasPrefix(entry.Name(), "_") {
			continue
		}
		page, err := template.Must(base.Clone()).ParseFS(templateFiles, "templates/"+entry.Name())
		if err != nil {
			return nil, fmt.Errorf("parse the templates: %w", err)
		}
		for _, part := range page.Templates() {
			if part.Tree != nil {
				settle(part.Tree.Root, c)
			}
		}
		pages[strings.TrimSuffix(entry.Name(), path.Ext(entry.Name()))] = page
	}
	return pages, nil
}

// settle puts the texts without values where they are called for by their keys,
// {{t "key"}}, so that a page of a language asks for them once and not each time
// that it is drawn: two thirds of what it asks for. They stand between tags and in
// quoted attributes alone, where HTML is escaped alike. A key without a text is left
// for the drawing to complain of.
func settle(list *parse.ListNode, c catalogue) {
	if list == nil {
		return
	}
	for i, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.ActionNode:
			if key, ok := keyAlone(n); ok && c.has(key) {
				list.Nodes[i] = &parse.TextNode{NodeType: parse.NodeText, Pos: n.Pos, Text: []byte(template.HTMLEscapeString(c.texts[key]))}
			}
		case *parse.IfNode:
			settle(n.List, c)
			settle(n.ElseList, c)
		case *parse.RangeNode:
			settle(n.List, c)
			settle(n.ElseList, c)
		case *parse.WithNode:
			settle(n.List, c)
			settle(n.ElseList, c)
		}
	}
}

// keyAlone is the key of {{t "key"}}.
func keyAlone(n *parse.ActionNode) (key string, ok bool) {
	if len(n.Pipe.Decl) != 0 || len(n.Pipe.Cmds) != 1 || len(n.Pipe.Cmds[0].Args) != 2 {
		return "", false
	}
	function, isName := n.Pipe.Cmds[0].Args[0].(*parse.IdentifierNode)
	text, isText := n.Pipe.Cmds[0].Args[1].(*parse.StringNode)
	if !isName || !isText || function.Ident != "t" {
		return "", false
	}
	return text.Text, true
}

// functions are what the templates may call: t for a text, tel for a telephone
// number's address, static for the path of a static file, sessionScript for that of
// the script which warns before the end of a session, key for the drawing of a key,
// sample for the PIN of the examples.
func functions(c catalogue) template.FuncMap {
	return template.FuncMap{
		"t":   c.text,
		"tel": telephone,
		"static": func(name string) (string, error) {
			if p := StaticPath(name); p != "" {
				return p, nil
			}
			return "", fmt.Errorf("there is no static file %q", name)
		},
		"sessionScript": func() string { return PathSessionScript },
		"key":           drawKey,
		"sample":        func() string { return samplePIN },
	}
}
