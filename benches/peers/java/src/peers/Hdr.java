package peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.HdrHistogram.EncodableHistogram;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogReader;

/**
 * Reads a .hlog with HdrHistogram's own reader, or the lines of a .hgrm: count, percentiles and maximum. With
 * --percentiles it prints the .hgrm that the library itself makes of a .hlog, microseconds as milliseconds.
 */
public final class Hdr {
    public static void main(String[] args) {
        Path file = Path.of(args[args.length - 1]);
        try {
            if (args[0].equals("--percentiles")) {
                for (Histogram all : merged(file).values()) {
                    all.outputPercentileDistribution(System.out, 5, 1000.0);
                }
            } else if (file.toString().endsWith(".hgrm")) {
                distribution(file);
            } else {
                merged(file).forEach((tag, all) -> System.out.printf("%scount %d  p50 %d  p99 %d  max %d%n", tag,
                    all.getTotalCount(), all.getValueAtPercentile(50), all.getValueAtPercentile(99), all.getMaxValue()));
            }
        } catch (IOException failure) {
            System.err.println("hdr: " + failure.getMessage());
            System.exit(1);
        }
    }

    /** All intervals together, a histogram for each tag. */
    private static Map<String, Histogram> merged(Path file) throws IOException {
        Map<String, Histogram> histograms = new TreeMap<>();
        try (HistogramLogReader reader = new HistogramLogReader(file.toFile())) {
            for (EncodableHistogram it = reader.nextIntervalHistogram(); it != null; it = reader.nextIntervalHistogram()) {
                Histogram interval = (Histogram)it;
                String tag = interval.getTag() == null ? "" : interval.getTag() + ": ";
                histograms.computeIfAbsent(tag, any -> {
                    Histogram all = new Histogram(interval.getNumberOfSignificantValueDigits());
                    all.setAutoResize(true);
                    return all;
                }).add(interval);
            }
        }
        if (histograms.isEmpty()) {
            throw new IOException("no interval in " + file);
        }
        return histograms;
    }

    /** The library has no reader for these: value, percentile, count and 1/(1-percentile) on each line, then a summary. */
    private static void distribution(Path file) throws IOException {
        Pattern row = Pattern.compile("\\s*([\\d.]+)\\s+([01]\\.\\d+)\\s+\\d+(\\s+([\\d.]+|inf))?\\s*");
        Pattern summary = Pattern.compile("#\\[Max\\s*=\\s*([\\d.]+),\\s*Total count\\s*=\\s*(\\d+)]");
        Map<Double, String> values = new TreeMap<>();
        for (String line : Files.readAllLines(file)) {
            Matcher value = row.matcher(line);
            Matcher end = summary.matcher(line);
            if (value.matches()) {
                values.putIfAbsent(Double.parseDouble(value.group(2)), value.group(1));
            } else if (end.matches()) {
                System.out.printf("count %s  p50 %s  p99 %s  max %s%n", end.group(2), at(values, 0.5), at(values, 0.99),
                    end.group(1));
                return;
            }
        }
        throw new IOException("no line with Max and Total count in " + file);
    }

    private static String at(Map<Double, String> values, double percentile) throws IOException {
        return values.entrySet().stream().filter(it -> it.getKey() >= percentile).map(Map.Entry::getValue).findFirst()
            .orElseThrow(() -> new IOException("no value at percentile " + percentile));
    }
}
