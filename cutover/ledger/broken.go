//go:build !broken

package ledger

import "github.com/speakops/sipedge/cutover"

// breaks is nothing but in simulations that are to go red.
type breaks struct{}

func (breaks) step(s step) step                          { return s }
func (breaks) barrier(b cutover.Barrier) cutover.Barrier { return b }
