package observe

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Resource names this edge to a backend.
func Resource(edge string) *resource.Resource {
	return resource.NewSchemaless(
		attribute.String("service.name", "sipedge"), attribute.String("service.instance.id", edge), attribute.String("service.version", Version()),
	)
}

// OverOTLP are the options of NewExporter that push the metrics to an OTLP
// backend as well: host:port over gRPC, http:// or https:// over HTTP. A backend
// that is away costs one failed push every time.
func OverOTLP(ctx context.Context, endpoint, edge string, every time.Duration, m *Metrics) ([]sdk.Option, error) {
	out, err := pusher(ctx, endpoint)
	if err != nil {
		return nil, fmt.Errorf("observe: otlp exporter for %s: %w", endpoint, err)
	}
	reader := sdk.NewPeriodicReader(out, sdk.WithInterval(every), sdk.WithTimeout(10*time.Second), sdk.WithProducer(&histograms{m}))
	return []sdk.Option{sdk.WithReader(reader), sdk.WithResource(Resource(edge))}, nil
}

func pusher(ctx context.Context, endpoint string) (sdk.Exporter, error) {
	u, err := url.Parse(endpoint)
	if err != nil || !strings.Contains(endpoint, "://") {
		return otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(endpoint), otlpmetricgrpc.WithInsecure(),
			otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{Enabled: false}))
	}
	options := []otlpmetrichttp.Option{otlpmetrichttp.WithEndpoint(u.Host), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: false})}
	if u.Scheme == "http" {
		options = append(options, otlpmetrichttp.WithInsecure())
	}
	if path := strings.TrimSuffix(u.Path, "/"); path != "" {
		options = append(options, otlpmetrichttp.WithURLPath(path+"/v1/metrics"))
	}
	return otlpmetrichttp.New(ctx, options...)
}
