package runner

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/speakops/sipedge/cutover"
)

// former are the reports of identities this edge had before. A generation that
// needs the word of one of them gets it: nobody else has that journal.
const maxFormer = 8

func (p *paper) formerFile() string { return filepath.Join(p.dir, "former.json") }

// remember keeps the report of an identity that is over.
func (p *paper) remember(r cutover.Report) error {
	all, err := p.former()
	if err != nil {
		return err
	}
	all = append(all, r)
	text, err := json.Marshal(all[max(0, len(all)-maxFormer):])
	if err != nil {
		return err
	}
	temp := p.formerFile() + ".new"
	if err := os.WriteFile(temp, text, 0o640); err != nil {
		return err
	}
	return os.Rename(temp, p.formerFile())
}

func (p *paper) former() ([]cutover.Report, error) {
	text, err := os.ReadFile(p.formerFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []cutover.Report
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	return all, err
}

// vouch reports to a generation for the identities that are over.
func (r *Runner) vouch(ctx context.Context, g cutover.Generation) error {
	all, err := r.paper.former()
	if err != nil {
		r.said.once(r.log, "former identities", err)
		return nil
	}
	for _, report := range all {
		report.Generation = g
		if err := r.opts.Chain.Report(ctx, report, r.view.Load().Head); err != nil {
			return err
		}
	}
	return nil
}
