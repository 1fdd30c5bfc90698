package conformance
import "testing"
func (g *stage) streams(t *testing.T) {}
func (g *stage) legal(t *testing.T) {}
func (g *stage) strays(t *testing.T) {}
