package peers;

import java.util.HashMap;
import java.util.Map;

/** What is asked for on the command line: `--NAME VALUE` for each. */
record Workload(String url, String transport, int clients, int channels, int rate, int batch, int size,
                double warmup, double duration, double drain) {

    static Workload of(String[] args) {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            options.put(args[i].substring(2), args[i + 1]);
        }
        return new Workload(options.get("url"), options.get("transport"), Integer.parseInt(options.get("clients")),
            Integer.parseInt(options.get("channels")), Integer.parseInt(options.get("rate")),
            Integer.parseInt(options.get("batch")), Integer.parseInt(options.get("size")),
            Double.parseDouble(options.get("warmup")), Double.parseDouble(options.get("duration")),
            Double.parseDouble(options.get("drain")));
    }

    /** The bytes of {"n":N,"x":""}. */
    static int frame(int n) {
        return 12 + Integer.toString(n).length();
    }

    /** Where message n goes, and what client n subscribes to. */
    String channel(int n) {
        return "/bench/" + n % channels;
    }

    /** The first message that counts. */
    int firstMeasured() {
        return whole(warmup);
    }

    int messages() {
        return firstMeasured() + whole(duration);
    }

    private int whole(double seconds) {
        return (int)Math.round(seconds * rate / batch) * batch;
    }
}
