// Package console is the web page for vendors, tenants' admins and finance.
// ./scripts/build builds it from src into dist, which this package embeds.
package console

import (
	"embed"
	"io/fs"
)

//go:embed dist
var dist embed.FS

// Files returns the built page: index.html and what it loads. Before the first
// ./scripts/build there is no index.html.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the name is valid
	}
	return files
}
