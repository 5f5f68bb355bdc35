package demo

import (
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
)

// legacy is an application as schools have many: it knows no login, reads a
// header and believes it.
type legacy struct {
	id          string
	name        string
	description string
	allow       string // the rules, as the Caddyfile has them
	page        string
}

var applications = []legacy{
	{"notes", "Carnet de notes", "Saisir et consulter les notes de vos classes", "allow group enseignants\n\t\t\tallow function DIR", "notes.html"},
	{"absences", "Vie scolaire", "Relever les absences et les retards", "allow group enseignants\n\t\t\tallow function DIR", "absences.html"},
	{"eleves", "Base élèves", "Tenir le registre des élèves de l’établissement", "allow function DIR ADJ", "eleves.html"},
}

//go:embed pages
var pages embed.FS

var templates = template.Must(template.ParseFS(pages, "pages/*.html"))

func render(w http.ResponseWriter, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := templates.ExecuteTemplate(w, name, data); err != nil {
		http.Error(w, "This page could not be made.", http.StatusInternalServerError)
	}
}

func static() http.Handler {
	files, err := fs.Sub(pages, "pages")
	if err != nil {
		panic("demo: the embedded pages are gone: " + err.Error())
	}
	return http.StripPrefix("/static/", http.FileServerFS(files))
}

// identity is what reached the application of who is there.
type identity struct {
	Name   string
	Value  string
	Absent bool
}

// ServeHTTP shows the application's page, and below it what headers it was
// told.
func (l legacy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/static/") {
		static().ServeHTTP(w, r)
		return
	}
	page := struct {
		Application, User, Name, Path string
		Saved                         bool
		Identity                      []identity
	}{Application: l.name, User: r.Header.Get("Remote-User"), Name: r.Header.Get("Remote-Name"), Path: r.URL.RequestURI(), Saved: r.Method == http.MethodPost}
	for _, name := range []string{"Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups"} {
		v := r.Header.Get(name)
		page.Identity = append(page.Identity, identity{name, v, v == ""})
	}
	if page.User == "" {
		w.WriteHeader(http.StatusForbidden)
	}
	render(w, l.page, page)
}
