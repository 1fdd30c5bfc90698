package admin

import (
	"net/http"
	"net/http/pprof"
	"runtime"
	"runtime/debug"
	"time"
)

// Build is what the program was built from.
type Build struct {
	Version  string            `json:"version" doc:"Of the module."`
	Go       string            `json:"go" example:"go1.26"`
	Revision string            `json:"revision,omitempty" doc:"Of the source."`
	Changed  bool              `json:"changed" doc:"The source was not as that revision has it."`
	Modules  map[string]string `json:"modules" doc:"Every library and its version."`
}

// BuildInfo shows what the program was built from.
func BuildInfo() Resource {
	return func(a *API) {
		show(a, Op{ID: "get-build", Path: "/v1/build", Tag: "debug", Role: Operator, Summary: "What this program was built from"}, readBuild)
	}
}

func readBuild() Build {
	b := Build{Go: runtime.Version(), Modules: map[string]string{}}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, m := range info.Deps {
		b.Modules[m.Path] = m.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}

// Profiles are the paths of net/http/pprof. A profile shows no call and no
// number, but what it costs is the edge's, so it is for operators.
func Profiles() []Route {
	var all []Route
	for path, h := range map[string]http.HandlerFunc{
		"/debug/pprof/{$}": pprof.Index, "/debug/pprof/{name}": pprof.Index, "/debug/pprof/cmdline": pprof.Cmdline,
		"/debug/pprof/profile": pprof.Profile, "/debug/pprof/symbol": pprof.Symbol, "/debug/pprof/trace": pprof.Trace,
	} {
		all = append(all, Route{Method: http.MethodGet, Path: path, Role: Operator, Within: 2 * time.Minute, Handle: func(w http.ResponseWriter, r *http.Request) error {
			h(w, r)
			return nil
		}})
	}
	return all
}
