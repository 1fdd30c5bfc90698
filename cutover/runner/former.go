package runner

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"

	"github.com/speakops/sipedge/cutover"
)

// former are the reports of identities this edge had before. A generation that
// needs the word of one of them gets it: nobody else has that journal.
const maxFormer = 8

func (p *paper) formerFile() string { return filepath.Join(p.dir, "former.json") }

// remember keeps the report of an identity that is over. It is on the disk when
// this returns: the journal it was made from goes away next.
func (p *paper) remember(r cutover.Report) error {
	all, err := p.former()
	if err != nil {
		return err
	}
	all = append(slices.DeleteFunc(all, func(o cutover.Report) bool { return o.Member == r.Member }), r)
	text, err := json.Marshal(all[max(0, len(all)-maxFormer):])
	if err != nil {
		return err
	}
	temp := p.formerFile() + ".new"
	f, err := p.files.Open(temp)
	if err != nil {
		return err
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := p.files.Rename(temp, p.formerFile()); err != nil {
		return err
	}
	return p.files.SyncDir(p.dir)
}

func (p *paper) former() ([]cutover.Report, error) {
	names, err := p.files.List(p.dir)
	if err != nil {
		return nil, err
	}
	size, is := names[filepath.Base(p.formerFile())]
	if !is {
		return nil, nil
	}
	f, err := p.files.Open(p.formerFile())
	if err != nil {
		return nil, err
	}
	text := make([]byte, size)
	_, err = io.ReadFull(io.NewSectionReader(f, 0, size), text)
	var all []cutover.Report
	if err = errors.Join(err, f.Close()); err == nil {
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
