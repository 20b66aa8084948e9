# Serves solvers.py: reads a problem once, then fits it at each threshold that comes in, one per line. Only glmnet() is timed.
if (!suppressMessages(require(glmnet, quietly = TRUE))) quit(status = 1)
here <- commandArgs(TRUE)[1]
path <- function(name) file.path(here, name)
numbers <- function(name, what = "double") readBin(path(name), what, n = file.size(path(name)) / c(double = 8, integer = 4)[what])

meta <- readLines(path("meta"))
shape <- as.integer(meta[1:2])
if (file.exists(path("dense"))) {
  X <- matrix(numbers("dense"), shape[1], shape[2])
} else {
  X <- new("dgCMatrix", i = numbers("indices", "integer"), p = numbers("indptr", "integer"), x = numbers("data"), Dim = shape)
}
y <- numbers("y")
if (meta[3] %in% c("binomial", "multinomial")) y <- as.factor(y)
if (meta[3] == "mgaussian") y <- matrix(y, shape[1])
kind <- if (nzchar(meta[5])) meta[5] else "ungrouped"
alphas <- numbers("alphas")
glmnet.control(fdev = 0, devmax = 1)  # the whole path, never stopped early

now <- if (Sys.getenv("BENCHMARK_CLOCK") == "cpu") function() sum(proc.time()[1:2]) else function() as.numeric(Sys.time())
requests <- file("stdin", "r")
cat("ready\n")
while (length(line <- readLines(requests, 1)) == 1) {
  start <- now()
  fits <- 0
  while (fits == 0 || now() - start < 0.02) {  # the cpu clock ticks in milliseconds
    fit <- suppressWarnings(glmnet(X, y, family = meta[3], lambda = alphas, standardize = FALSE, intercept = meta[4] == "1",
                                   type.multinomial = kind, thresh = as.numeric(line), maxit = 1e9))
    fits <- fits + 1
  }
  seconds <- (now() - start) / fits
  beta <- if (is.list(fit$beta)) do.call(rbind, fit$beta) else fit$beta
  writeBin(beta@x, path("w"))
  writeBin(beta@i, path("w_rows"))
  writeBin(beta@p, path("w_starts"))
  writeBin(nrow(beta), path("w_height"))
  cat(seconds, "\n")
}
