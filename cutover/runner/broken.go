//go:build !broken

package runner

import "github.com/speakops/sipedge/cutover"

// breaks is nothing but in simulations that are to go red.
type breaks struct{}

func (breaks) edge(e cutover.Edge) cutover.Edge { return e }
func (breaks) anyClock() bool                   { return false }
func (breaks) alone() bool                      { return false }
