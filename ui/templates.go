package ui

import (
	"embed"
	"fmt"
	"html/template"
	"path"
	"strings"
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
		pages[strings.TrimSuffix(entry.Name(), path.Ext(entry.Name()))] = page
	}
	return pages, nil
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
