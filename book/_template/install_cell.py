import importlib.metadata
import importlib.util
import subprocess
import sys

if importlib.util.find_spec("vlm_lib") is None:
    has_torch = importlib.util.find_spec("torch") is not None
    keep = [f"torch=={importlib.metadata.version('torch')}"] if has_torch else []
    library = "vlm_lib[chapters] @ git+https://github.com/ORG/REPO"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", library, *keep], check=True)
