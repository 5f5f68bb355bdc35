package caddymodule

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// headerPlan says which headers the application gets.
func (app *Application) headerPlan() (headerPlan, error) {
	preset, err := app.preset()
	if err != nil {
		return headerPlan{}, err
	}
	p := newHeaderPlan(preset, app.Header)
	encode, err := app.encoder()
	if err != nil {
		return headerPlan{}, err
	}
	if encode != nil {
		p.charset = encode
	}
	if p.secret, err = app.SharedSecret.read(); err != nil {
		return headerPlan{}, fmt.Errorf("shared_secret: %w", err)
	}
	return p, nil
}

// preset is the set of headers that the application gets, "" for none but its own.
func (app *Application) preset() (string, error) {
	preset := app.Headers
	switch {
	case preset == "" && len(app.Header) == 0:
		preset = presetRemoteUser
	case preset != "" && presets[preset] == nil:
		return "", fmt.Errorf("headers %s: there are only %s", preset, strings.Join(slices.Sorted(maps.Keys(presets)), ", "))
	}
	return preset, app.checkHeaders(preset)
}

// encoder is what writes values in the application's charset, nil for the default.
func (app *Application) encoder() (charset, error) {
	encode := charsets[app.Charset]
	if encode == nil && app.Charset != "" {
		return nil, fmt.Errorf("charset %s: there are only %s", app.Charset, strings.Join(slices.Sorted(maps.Keys(charsets)), ", "))
	}
	return encode, nil
}

// userPlaceholder is a placeholder about the person; its name stands in it.
var userPlaceholder = regexp.MustCompile(`\{` + regexp.QuoteMeta(userPrefix) + `([^{}]*)\}`)

// checkPlaceholders looks for what is known of nobody.
func checkPlaceholders(value string) error {
	for _, m := range userPlaceholder.FindAllStringSubmatch(value, -1) {
		if _, known := attributes[m[1]]; !known {
			return fmt.Errorf("there is no placeholder %s", m[0])
		}
	}
	return nil
}

// checkHeaders looks for names that cannot be, and for names that come twice.
func (app *Application) checkHeaders(preset string) error {
	seen := make(map[string]bool)
	for name := range presets[preset] {
		seen[foldName(name)] = true
	}
	once := func(keyword, name string) error {
		switch {
		case !settable(name):
			return fmt.Errorf("%s %q: this name cannot be an identity header: letters, digits and hyphens only, and none that HTTP itself lives by", keyword, name)
		case foldName(name) == foldName(assertionHeader):
			return fmt.Errorf("%s %s: this name is that of the signed identity, which the line assertion sends", keyword, name)
		case seen[foldName(name)]:
			return fmt.Errorf("%s %s is given twice", keyword, name)
		}
		seen[foldName(name)] = true
		return nil
	}
	for _, h := range app.Header {
		if err := once("header", h.Name); err != nil {
			return err
		}
		if h.Value == "" {
			return fmt.Errorf("header %s: the value is missing", h.Name)
		}
		if err := checkPlaceholders(h.Value); err != nil {
			return fmt.Errorf("header %s: %w", h.Name, err)
		}
	}
	if s := app.SharedSecret; s != nil {
		return once("shared_secret", s.Header)
	}
	return nil
}

// headerNames are the names that some application gets beyond the presets.
func (a *App) headerNames() (names []string) {
	for _, app := range a.Applications {
		for _, h := range app.Header {
			names = append(names, h.Name)
		}
		if app.SharedSecret != nil {
			names = append(names, app.SharedSecret.Header)
		}
	}
	return names
}
