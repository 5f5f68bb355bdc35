package caddymodule

import (
	"strings"

	"github.com/spf13/cobra"
)

// examples are what the help of commands that take more than a name ends with.
var examples = map[string]string{
	"user add": `
caddy sesame user add jdupont --given-name Jeanne --surname Dupont --group enseignants
caddy sesame user add cnouvel --establishment 0441550W --function ADJ --end 2027-07-31`,
	"user set": `
caddy sesame user set jdupont --email jeanne.dupont@example.org --end never
caddy sesame user set jdupont --group enseignants --group correcteurs`,
	"user import": `
caddy sesame user import september.csv --dry-run
caddy sesame user import september.csv --absent disable --yes`,
	"user remove": `
caddy sesame user remove jdupont --return-keys`,
	"key import": `
caddy sesame key import keys.csv --dry-run
caddy sesame key import keys.csv --kind totp --period 60
caddy sesame key import keys.sdtid --password-file secret.txt`,
	"key emergency": `
caddy sesame key lost 0123456789
caddy sesame key emergency 0123456789 --reason "left on the train" --codes 5 --hours 72`,
	"key replace": `
caddy sesame key replace 0123456789 0123456790 --days 7 --move-pin`,
	"key sheet": `
caddy sesame key sheet 0123456789 --output hand-over.html`,
	"key send": `
caddy sesame key send 0123456789 0441550W
caddy sesame key send 0123456789 none`,
	"delegation add": `
caddy sesame delegation add cnouvel notes --until 2026-12-18 --reason "stands in for J. Dupont"`,
	"role add": `
caddy sesame role add cdurand referent --establishment 0441550W
caddy sesame role add mleroy operator`,
	"explain": `
caddy sesame explain jdupont GET https://notes.example.org/admin/
caddy sesame explain jdupont POST https://notes.example.org/ --from 10.1.2.3 --code-age 20m`,
	"audit": `
caddy sesame audit --user jdupont --since 7d
caddy sesame audit --reference 7F3K-Q2M9
caddy sesame audit --alerts --since 24h
caddy sesame audit --follow --json`,
	"audit purge": `
caddy sesame audit purge --before 400d`,
	"restore": `
caddy sesame restore /var/backups/sesame.backup --config /etc/caddy/Caddyfile --replace`,
}

// addExamples gives the commands below root their examples.
func addExamples(root *cobra.Command) {
	for path, text := range examples {
		if cmd, rest, err := root.Find(strings.Fields(path)); err == nil && len(rest) == 0 {
			cmd.Example = strings.ReplaceAll(text, "\n", "\n  ")[1:]
		}
	}
}
