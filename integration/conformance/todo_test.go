package conformance
import "testing"
func (g *stage) forwarding(t *testing.T) {}
func (g *stage) refusals(t *testing.T) {}
func (g *stage) responses(t *testing.T) {}
func (g *stage) cancels(t *testing.T) {}
func (g *stage) retransmissions(t *testing.T) {}
func (g *stage) dialogs(t *testing.T) {}
func (g *stage) streams(t *testing.T) {}
func (g *stage) transports(t *testing.T) {}
func (g *stage) legal(t *testing.T) {}
func (g *stage) strays(t *testing.T) {}
